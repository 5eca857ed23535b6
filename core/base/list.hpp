// An intrusive doubly linked list: the objects hold the links, so adding and removing need no allocation and no search.
// Owns nothing. An object must leave every list before it is destroyed; this is checked in the objects' recycle(), not
// here.
#pragma once

#include <cstddef>

#include "core/base/check.hpp"

namespace sluice {

template <class T>
struct Link {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <class T, Link<T> T::* kLink>
class List {
 public:
  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  T* front() const { return first_; }
  T* back() const { return last_; }
  static T* next(const T& item) { return (item.*kLink).next; }
  static bool contains(const T& item) { return (item.*kLink).linked; }  // in some list with this link

  void push_back(T& item) {
    Link<T>& link = fresh(item);
    link.previous = last_;
    (last_ ? (last_->*kLink).next : first_) = &item;
    last_ = &item;
  }
  void push_front(T& item) {
    Link<T>& link = fresh(item);
    link.next = first_;
    (first_ ? (first_->*kLink).previous : last_) = &item;
    first_ = &item;
  }
  // Does nothing if the item is in no list with this link.
  void remove(T& item) {
    Link<T>& link = item.*kLink;
    if (!link.linked) return;
    SLUICE_CHECK(size_ > 0);
    (link.previous ? (link.previous->*kLink).next : first_) = link.next;
    (link.next ? (link.next->*kLink).previous : last_) = link.previous;
    link = {};
    --size_;
  }
  T* pop_front() {
    T* item = first_;
    if (item) remove(*item);
    return item;
  }

 private:
  Link<T>& fresh(T& item) {
    Link<T>& link = item.*kLink;
    SLUICE_CHECK(!link.linked);
    link.linked = true;
    ++size_;
    return link;
  }
  T* first_ = nullptr;
  T* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice
