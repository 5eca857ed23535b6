// Sets a variable for the time of a scope and restores the earlier value at its end, also when an exception leaves it.
#pragma once

#include <utility>

namespace sluice::multi {

template <class T>
class Scoped {
 public:
  Scoped(T& value, T meanwhile) : value_(value), before_(std::exchange(value, meanwhile)) {}
  ~Scoped() { value_ = before_; }
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;

 private:
  T& value_;
  const T before_;
};

}  // namespace sluice::multi
