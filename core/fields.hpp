// The fields of an HTTP message (RFC 9110 5). They keep their order, names are compared without regard to case, and
// each field is checked when it is added. A typical message needs one allocation; an object that is cleared and used
// again needs none.
// Leaves to others: what any field means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

#include "error.hpp"

namespace sluice {

// One field. Views into the Fields object that returned it.
struct Field {
  std::string_view name = {};   // as received or as given, case kept
  std::string_view value = {};  // without leading and trailing white space
};

// Owns the text of its fields. Views that it returns live until the next non-const call on the object. A copy throws
// std::bad_alloc if memory runs out.
class Fields {
 public:
  Fields() = default;
  Fields(const Fields&);
  Fields& operator=(const Fields&);
  Fields(Fields&&) noexcept;
  Fields& operator=(Fields&&) noexcept;
  ~Fields();

  // Appends a field. White space around the value is removed. Errors: invalid_request (the name is not a token, RFC
  // 9110 5.6.2, or the value holds a control byte other than HTAB), out_of_memory. After an error nothing has changed.
  // Name and value are copied; they may be views into this object.
  [[nodiscard]] Result<void> add(std::string_view name, std::string_view value);
  // As add(), for a field that a peer sent. The name may hold visible bytes other than ':', bytes from 0x80 on, and
  // spaces that are neither first nor last; the value may hold any byte except CR, LF and NUL. After a field that add()
  // would refuse, are_sendable() is false. `name_is_token`: the caller has checked that the name is a token.
  [[nodiscard]] Result<void> add_received(std::string_view name, std::string_view value, bool name_is_token = false);
  // False if a field is here that add() would have refused.
  bool are_sendable() const;
  // Replaces all fields of that name (without regard to case, RFC 9110 5.1) by this one, at the place of the first. If
  // there is none, appends it. Errors and views: as add().
  [[nodiscard]] Result<void> set(std::string_view name, std::string_view value);
  std::size_t remove(std::string_view name);  // returns how many were removed
  void clear();                               // removes all fields and keeps the memory
  void release();                             // removes all fields and frees the memory

  std::optional<std::string_view> find(std::string_view name) const;  // value of the first field of that name
  bool contains(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  std::size_t size() const;
  bool empty() const;
  Field at(std::size_t index) const;   // index < size()
  std::size_t text_bytes() const;      // bytes of all names and values
  std::size_t capacity_bytes() const;  // bytes of memory owned

  class Iterator {
   public:
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Field operator*() const { return fields_->at(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++index_;
      return old;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class Fields;
    Iterator(const Fields* fields, std::size_t index) : fields_(fields), index_(index) {}
    const Fields* fields_ = nullptr;
    std::size_t index_ = 0;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  // One block of memory: text grows up from the front, the table of entries grows down from the end (fields.cpp).
  struct Entry;
  std::unique_ptr<std::uint8_t[]> block_;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t text_bytes_ = 0;
  std::uint32_t count_ = 0;
  bool sendable_ = true;  // false: a field that add() would refuse was added; it may have been removed since
  const Entry& entry(std::size_t index) const;
  Entry& entry(std::size_t index);
  std::string_view text(std::size_t at, std::size_t size) const;
  std::size_t index_of(std::string_view name, std::size_t begin) const;
  std::size_t remove_from(std::size_t begin, std::string_view name);
  Result<void> append(std::string_view name, std::string_view value);
  // False: not enough memory. If the block was replaced, the earlier one is moved to `old`, so that views into it stay
  // valid until the caller drops it.
  bool reserve(std::size_t text, std::size_t entries, std::unique_ptr<std::uint8_t[]>& old);
};

// RFC 9110 5.6.2 and 5.5: whether the text may be a method or field name, and whether it may be a field value.
bool is_token(std::string_view text);
bool is_field_value(std::string_view text);
// The same for what add_received() accepts.
bool is_received_name(std::string_view text);
bool is_received_value(std::string_view text);
// Whether a comma-separated list of tokens, as in the Connection field (RFC 9110 7.6.1), holds `wanted`. Case is
// ignored; quotes have no meaning.
bool lists_token(std::string_view list, std::string_view wanted);
// Compares ASCII letters without regard to case; every other byte must be equal. No locale.
bool equals_ignoring_case(std::string_view a, std::string_view b);
// Removes the next element from the front of a list and returns it, a view into the same text. Empty elements are
// skipped (RFC 9110 5.6.1.2), white space around an element is removed, and a separator inside a quoted string (5.6.4)
// does not separate. nullopt: the list has no more elements.
std::optional<std::string_view> next_list_element(std::string_view& list, char separator = ',');

}  // namespace sluice
