// What a stream tells others in the thread of its Multi, put off until they may use that Multi: it calls a stream in
// the middle of its own work, and whoever is told may add and remove transfers.
#pragma once

#include <memory>

namespace sluice::transport {

class Later;

// Someone who is told. Owned by shared pointers, one of which is kept while it waits.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  virtual ~Listener() = default;
  // tell() at the end of the outermost Later of this thread, however often this is called meanwhile; without one at
  // once.
  void tell_later();

 private:
  friend class Later;
  virtual void tell() = 0;
  std::shared_ptr<Listener> next_;
  bool waits_ = false;
};

// While one is in scope, nobody is told.
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
