// See fields.hpp. The text is in the order of the entries and without gaps, so setting and removing fields leaves no
// unused bytes.
#include "core/fields.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice {

// The name begins at `at`; the value follows right after it.
struct Fields::Entry {
  std::uint32_t at;
  std::uint32_t name_size;
  std::uint32_t value_size;
};

namespace {

constexpr std::size_t kFirstBlockBytes = 1024;                // for example 24 fields with 700 bytes of text
constexpr std::size_t kMaxBlockBytes = std::size_t{1} << 30;  // offsets are 32 bits wide
constexpr std::uint32_t kRemoved = 0xffff'ffff;

enum ByteClass : std::uint8_t { kTokenByte = 1, kValueByte = 2 };

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 5.6.2
  for (std::size_t i = 0; i < table.size(); ++i) {
    const bool alnum = (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z');
    if (alnum || (i < 0x80 && kTokenMarks.find(static_cast<char>(i)) != std::string_view::npos)) table[i] |= kTokenByte;
    if (i == '\t' || (i >= 0x20 && i != 0x7f)) table[i] |= kValueByte;  // RFC 9110 5.5, obs-text included
  }
  return table;
}
constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

// The index of the first byte that is not in the class, or the size.
std::size_t span_of(std::string_view text, ByteClass wanted) {
  const auto classes = [&](std::size_t at) { return kClasses[static_cast<unsigned char>(text[at])]; };
  std::size_t i = 0;
  while (i + 4 <= text.size() && (classes(i) & classes(i + 1) & classes(i + 2) & classes(i + 3) & wanted) != 0) i += 4;
  while (i < text.size() && (classes(i) & wanted) != 0) ++i;
  return i;
}

// Whether eight bytes hold none below 0x20 and no 0x7f: then the table is not needed.
bool is_plain_word(const char* bytes) {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kTops = kOnes * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, 8);
  const std::uint64_t below = (word - kOnes * 0x20) & ~word;
  const std::uint64_t mixed = word ^ (kOnes * 0x7f);
  const std::uint64_t del = (mixed - kOnes) & ~mixed;
  return ((below | del) & kTops) == 0;
}

std::size_t value_span(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    if (is_plain_word(text.data() + i)) continue;
    const std::size_t good = span_of(text.substr(i, 8), kValueByte);
    if (good != 8) return i + good;
  }
  if (i < text.size() && text.size() >= 8 && is_plain_word(text.data() + text.size() - 8)) return text.size();
  return i + span_of(text.substr(i), kValueByte);
}

std::unique_ptr<std::uint8_t[]> allocate(std::size_t bytes) {
  return std::unique_ptr<std::uint8_t[]>(new (std::nothrow) std::uint8_t[bytes]);
}

std::string hex_byte(char byte) {
  std::string text = "0x";
  append_hex(text, byte);
  return text;
}

constexpr std::string_view kNeverInValue("\r\n\0", 3);

// The length of the part that may be a received name: visible bytes other than ':', obs-text, and spaces that are
// neither first nor last.
std::size_t received_name_span(std::string_view text) {
  const auto is_bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == ':'; };
  if (text.starts_with(' ')) return 0;
  if (text.ends_with(' ')) return text.size() - 1;
  return static_cast<std::size_t>(std::ranges::find_if(text, is_bad) - text.begin());
}

constexpr std::size_t kShownName = 64;  // bytes of a name in a message

// Makes an error. Its text is the only thing here that needs memory; without it the error is out_of_memory.
template <class Words>
Result<void> refuse(Words words) {
  return or_out_of_memory([&]() -> Result<void> { return std::unexpected(words()); });
}

// Shows only the valid part of a name: what follows it may be anything, also a secret.
Error bad_name(std::string_view name, std::size_t good) {
  if (name.empty()) return make_error(Code::invalid_request, "field name is empty");
  std::string text = "field name ";
  if (good > 0) text.append("that begins with \"").append(name.substr(0, std::min(good, kShownName))).append("\" ");
  text.append("holds the byte ").append(hex_byte(name[good])).append(" at ").append(std::to_string(good));
  return make_error(Code::invalid_request, text.append(", which no field name may hold"));
}

Error bad_value(std::string_view name, std::string_view value, std::size_t good) {
  std::string text = "value of field \"";
  text.append(name.substr(0, kShownName)).append("\" holds the control byte ").append(hex_byte(value[good]));
  return make_error(Code::invalid_request, text.append(" at ").append(std::to_string(good)));
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && span_of(text, kTokenByte) == text.size(); }

bool is_field_value(std::string_view text) { return value_span(text) == text.size(); }

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

bool is_received_name(std::string_view text) { return !text.empty() && received_name_span(text) == text.size(); }

// Most values may be sent too, which is quicker to find out.
bool is_received_value(std::string_view text) {
  return is_field_value(text) || text.find_first_of(kNeverInValue) == std::string_view::npos;
}

bool lists_token(std::string_view list, std::string_view wanted) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (equals_ignoring_case(trim_blanks(list.substr(begin, end - begin)), wanted)) return true;
    begin = end + 1;
  }
  return false;
}

std::optional<std::string_view> next_list_element(std::string_view& list, char separator) {
  while (!list.empty()) {
    // A separator inside a quoted string (RFC 9110 5.6.4) does not separate elements.
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != separator); ++end) {
      if (list[end] == '"') {
        quoted = !quoted;
      } else if (quoted && list[end] == '\\' && end + 1 < list.size()) {
        ++end;
      }
    }
    const std::string_view element = trim_blanks(list.substr(0, end));
    list.remove_prefix(end < list.size() ? end + 1 : end);
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

Fields::Fields(const Fields& other) { *this = other; }

Fields& Fields::operator=(const Fields& other) {
  if (this == &other) return *this;
  const std::size_t table = other.count_ * sizeof(Entry);
  if (const std::size_t need = table + other.text_bytes_; need > block_bytes_) {
    // A copy can report a lack of memory only by std::bad_alloc, as std::string does.
    const std::size_t bytes = (need + alignof(Entry) - 1) / alignof(Entry) * alignof(Entry);
    block_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
    block_bytes_ = static_cast<std::uint32_t>(bytes);
  }
  if (other.count_ > 0) {
    std::memcpy(block_.get(), other.block_.get(), other.text_bytes_);
    std::memcpy(block_.get() + (block_bytes_ - table), other.block_.get() + (other.block_bytes_ - table), table);
  }
  text_bytes_ = other.text_bytes_;
  count_ = other.count_;
  sendable_ = other.sendable_;
  return *this;
}

Fields::Fields(Fields&& other) noexcept
    : block_(std::move(other.block_)),
      block_bytes_(std::exchange(other.block_bytes_, 0)),
      text_bytes_(std::exchange(other.text_bytes_, 0)),
      count_(std::exchange(other.count_, 0)),
      sendable_(std::exchange(other.sendable_, true)) {}

Fields& Fields::operator=(Fields&& other) noexcept {
  if (this == &other) return *this;
  block_ = std::move(other.block_);
  block_bytes_ = std::exchange(other.block_bytes_, 0);
  text_bytes_ = std::exchange(other.text_bytes_, 0);
  count_ = std::exchange(other.count_, 0);
  sendable_ = std::exchange(other.sendable_, true);
  return *this;
}

Fields::~Fields() = default;

const Fields::Entry& Fields::entry(std::size_t index) const {
  return reinterpret_cast<const Entry*>(block_.get() + block_bytes_)[-static_cast<std::ptrdiff_t>(index) - 1];
}

Fields::Entry& Fields::entry(std::size_t index) { return const_cast<Entry&>(std::as_const(*this).entry(index)); }

std::string_view Fields::text(std::size_t at, std::size_t size) const {
  return {reinterpret_cast<const char*>(block_.get()) + at, size};
}

bool Fields::reserve(std::size_t text, std::size_t entries, std::unique_ptr<std::uint8_t[]>& old) {
  // Each term is limited before the sum, so nothing overflows even if size_t has 32 bits.
  if (text > kMaxBlockBytes || entries > kMaxBlockBytes / sizeof(Entry)) return false;
  const std::size_t need = text + entries * sizeof(Entry);
  if (need <= block_bytes_) return true;
  if (need > kMaxBlockBytes) return false;
  std::size_t bytes = std::max<std::size_t>(kFirstBlockBytes, block_bytes_);
  bytes -= bytes % alignof(std::max_align_t);
  while (bytes < need) bytes *= 2;
  std::unique_ptr<std::uint8_t[]> grown = allocate(bytes);
  if (!grown) return false;
  if (count_ > 0) {
    const std::size_t table = count_ * sizeof(Entry);
    std::memcpy(grown.get(), block_.get(), text_bytes_);
    std::memcpy(grown.get() + (bytes - table), block_.get() + (block_bytes_ - table), table);
  }
  old = std::exchange(block_, std::move(grown));
  block_bytes_ = static_cast<std::uint32_t>(bytes);
  return true;
}

Result<void> Fields::add(std::string_view name, std::string_view value) {
  if (!is_token(name)) return refuse([&] { return bad_name(name, span_of(name, kTokenByte)); });
  value = trim_blanks(value);
  if (!is_field_value(value)) return refuse([&] { return bad_value(name, value, value_span(value)); });
  return append(name, value);
}

Result<void> Fields::add_received(std::string_view name, std::string_view value, bool name_is_token) {
  value = trim_blanks(value);
  const bool sendable = (name_is_token || is_token(name)) && is_field_value(value);
  if (!sendable) {
    if (!is_received_name(name)) return refuse([&] { return bad_name(name, received_name_span(name)); });
    if (const std::size_t bad = value.find_first_of(kNeverInValue); bad != std::string_view::npos) {
      return refuse([&] { return bad_value(name, value, bad); });
    }
  }
  auto added = append(name, value);
  if (added && !sendable) sendable_ = false;
  return added;
}

Result<void> Fields::append(std::string_view name, std::string_view value) {
  // `old` lives until the bytes are copied: the arguments may be views into this object's text.
  std::unique_ptr<std::uint8_t[]> old;
  const bool fits = name.size() <= kMaxBlockBytes && value.size() <= kMaxBlockBytes - name.size() &&
                    name.size() + value.size() <= kMaxBlockBytes - text_bytes_ &&
                    reserve(text_bytes_ + name.size() + value.size(), std::size_t{count_} + 1, old);
  // Short, so that the text needs no heap.
  if (!fits) return std::unexpected(make_error(Code::out_of_memory, "out of memory"));

  std::uint8_t* end = block_.get() + text_bytes_;
  std::memcpy(end, name.data(), name.size());
  if (!value.empty()) std::memcpy(end + name.size(), value.data(), value.size());
  ++count_;
  entry(count_ - 1) = {text_bytes_, static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())};
  text_bytes_ += static_cast<std::uint32_t>(name.size() + value.size());
  return {};
}

Result<void> Fields::set(std::string_view name, std::string_view value) {
  const std::size_t first = index_of(name, 0);
  if (auto added = add(name, value); !added || first >= count_ - 1) return added;

  // The field is appended first, because the arguments may be views into this object; then it is rotated to its place.
  const Entry last = entry(count_ - 1);
  const std::uint32_t size = last.name_size + last.value_size;
  const std::uint32_t place = entry(first).at;
  std::rotate(block_.get() + place, block_.get() + last.at, block_.get() + text_bytes_);
  for (std::size_t i = count_ - 1; i > first; --i) {
    entry(i) = entry(i - 1);
    entry(i).at += size;
  }
  entry(first) = {place, last.name_size, last.value_size};
  remove_from(first + 1, text(place, last.name_size));
  return {};
}

std::size_t Fields::remove(std::string_view name) { return remove_from(0, name); }

std::size_t Fields::remove_from(std::size_t begin, std::string_view name) {
  std::size_t index = index_of(name, begin);
  if (index >= count_) return 0;
  // The fields are marked before anything moves: `name` may be a view into one of them.
  const std::size_t first = index;
  std::uint32_t read = entry(first).at;
  std::uint32_t write = read;
  for (; index < count_; index = index_of(name, index + 1)) entry(index).at = kRemoved;
  std::size_t kept = first;
  for (std::size_t i = first; i < count_; ++i) {
    const Entry old = entry(i);
    const std::uint32_t size = old.name_size + old.value_size;
    if (old.at != kRemoved) {
      std::memmove(block_.get() + write, block_.get() + read, size);
      entry(kept++) = {write, old.name_size, old.value_size};
      write += size;
    }
    read += size;
  }
  const std::size_t removed = count_ - kept;
  count_ = static_cast<std::uint32_t>(kept);
  text_bytes_ = write;
  return removed;
}

void Fields::clear() {
  text_bytes_ = 0;
  count_ = 0;
  sendable_ = true;
}

void Fields::release() {
  block_.reset();
  block_bytes_ = 0;
  clear();
}

// The index of the first field of that name at or after `begin`; if there is none, at least count_.
std::size_t Fields::index_of(std::string_view name, std::size_t begin) const {
  for (std::size_t i = begin; i < count_; ++i) {
    const Entry& e = entry(i);
    if (e.name_size == name.size() && equals_ignoring_case(text(e.at, e.name_size), name)) return i;
  }
  return std::max<std::size_t>(begin, count_);
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  const std::size_t index = index_of(name, 0);
  if (index >= count_) return std::nullopt;
  return at(index).value;
}

bool Fields::contains(std::string_view name) const { return index_of(name, 0) < count_; }

std::size_t Fields::count(std::string_view name) const {
  std::size_t found = 0;
  for (std::size_t i = index_of(name, 0); i < count_; i = index_of(name, i + 1)) ++found;
  return found;
}

std::size_t Fields::size() const { return count_; }
bool Fields::empty() const { return count_ == 0; }

bool Fields::are_sendable() const {
  const auto is_good = [](const Field& field) { return is_token(field.name) && is_field_value(field.value); };
  return sendable_ || std::all_of(begin(), end(), is_good);
}

Field Fields::at(std::size_t index) const {
  SLUICE_CHECK(index < count_);
  const Entry& e = entry(index);
  return {text(e.at, e.name_size), text(e.at + e.name_size, e.value_size)};
}

std::size_t Fields::text_bytes() const { return text_bytes_; }
std::size_t Fields::capacity_bytes() const { return block_bytes_; }

}  // namespace sluice
