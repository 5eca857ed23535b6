// Delays notifications in the thread of a Multi until the Multi may be used: a Multi calls a stream during its own
// work, but a listener may add and remove transfers. Leaves what is notified to memory.cpp.
#pragma once

#include <memory>

namespace sluice::transport {

class Later;

// An object that is notified. Owned by shared pointers, one of which is kept while it waits.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  virtual ~Listener() = default;
  // Calls tell() once at the end of the outermost Later of this thread, however often this is called before; without a
  // Later, at once.
  void tell_later();

 private:
  friend class Later;
  virtual void tell() = 0;
  std::shared_ptr<Listener> next_;
  bool waits_ = false;
};

// While an object of this class is in scope, tell() is delayed.
class Later {
 public:
  Later();
  ~Later();
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;

 private:
  friend class Listener;
  Later* const outer_;
  std::shared_ptr<Listener> first_;
};

}  // namespace sluice::transport
