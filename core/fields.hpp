// The fields of an HTTP message (RFC 9110 5): ordered, looked up without regard to case, validated on the way in.
// One allocation for a typical message, none when an object is cleared and used again.
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

struct Field {
  std::string_view name = {};   // as received or as given, case kept
  std::string_view value = {};  // without leading and trailing white space
};

// Views handed out live until the next non-const call on the object.
class Fields {
 public:
  Fields() = default;
  Fields(const Fields&);
  Fields& operator=(const Fields&);
  Fields(Fields&&) noexcept;
  Fields& operator=(Fields&&) noexcept;
  ~Fields();

  // Appends. Error invalid_request: the name is no token (RFC 9110 5.6.2), or the value holds CR, LF, NUL or another
  // control byte but HTAB. Surrounding white space of the value is dropped. Allocation failure: out_of_memory.
  [[nodiscard]] Result<void> add(std::string_view name, std::string_view value);
  // As add(), for a field that a peer sent: its name may hold any visible byte but ':' and blanks within, its value
  // every byte but CR, LF and NUL. Such fields are_sendable() no more. `name_is_token`: the caller has looked, and it
  // is one.
  [[nodiscard]] Result<void> add_received(std::string_view name, std::string_view value, bool name_is_token = false);
  // False where add_received() took what add() would have refused.
  bool are_sendable() const;
  // Replaces every field of that name (without regard to case, RFC 9110 5.1) by this one, at the place of the first;
  // appends it where there is none. Errors as add(); nothing has changed then. Name and value are copied, and may be
  // views of this object.
  [[nodiscard]] Result<void> set(std::string_view name, std::string_view value);
  std::size_t remove(std::string_view name);  // how many were removed
  void clear();                               // keeps the memory
  void release();                             // gives the memory back

  std::optional<std::string_view> find(std::string_view name) const;  // the first of that name
  bool contains(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  std::size_t size() const;
  bool empty() const;
  Field at(std::size_t index) const;   // index < size()
  std::size_t text_bytes() const;      // names and values together
  std::size_t capacity_bytes() const;  // memory owned

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
  // One block: text grows up from the front, the table of entries grows down from the back (fields.cpp).
  struct Entry;
  std::unique_ptr<std::uint8_t[]> block_;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t text_bytes_ = 0;
  std::uint32_t count_ = 0;
  bool sendable_ = true;  // false: look closer
  const Entry& entry(std::size_t index) const;
  Entry& entry(std::size_t index);
  std::string_view text(std::size_t at, std::size_t size) const;
  std::size_t index_of(std::string_view name, std::size_t begin) const;
  std::size_t remove_from(std::size_t begin, std::string_view name);
  Result<void> append(std::string_view name, std::string_view value);
  // False when memory is short. What the block was before it grew is handed to the caller in `old`.
  bool reserve(std::size_t text, std::size_t entries, std::unique_ptr<std::uint8_t[]>& old);
};

// RFC 9110 5.6.2 and 5.5: what may be a method or field name, and what a field value.
bool is_token(std::string_view text);
bool is_field_value(std::string_view text);
// What add_received() takes as well.
bool is_received_name(std::string_view text);
bool is_received_value(std::string_view text);
// Whether a list of tokens, such as that of Connection (RFC 9110 7.6.1), has this one. Quotes mean nothing in it.
bool lists_token(std::string_view list, std::string_view wanted);
// ASCII only, as HTTP has it (no locale).
bool equals_ignoring_case(std::string_view a, std::string_view b);
// Calls for each element of a comma-separated list would allocate; this takes the next one off `list` instead.
// Empty elements are skipped (5.6.1.2); white space is trimmed; std::nullopt at the end.
std::optional<std::string_view> next_list_element(std::string_view& list);

}  // namespace sluice
