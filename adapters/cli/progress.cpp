// See progress.hpp.
#include "adapters/cli/progress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::cli {
namespace {

constexpr std::size_t kPercentWidth = 5;
constexpr std::size_t kAmountWidth = 20;
constexpr std::size_t kSpeedWidth = 12;
constexpr std::size_t kWideSpeedWidth = kSpeedWidth + 3;
constexpr std::size_t kFiguresWidth = kPercentWidth + kAmountWidth + kWideSpeedWidth;  // everything except the name
constexpr std::size_t kNameMin = 8;
constexpr double kHalfLifeSeconds = 3;
constexpr double kShortestStepSeconds = 0.05;
constexpr double kLongestLeftSeconds = 86'400.0 * 99;

std::string padded_left(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string percent(std::uint64_t bytes, const std::optional<std::uint64_t>& expected) {
  if (!expected) return "";
  if (*expected == 0 || bytes >= *expected) return "100%";
  return std::to_string(static_cast<int>(static_cast<double>(bytes) * 100.0 / static_cast<double>(*expected))) + "%";
}

std::string speed(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(std::clamp(bytes_per_second, 0.0, 1e18))) + "/s";
}

std::optional<Duration> time_left(const TotalFigures& total) {
  if (!total.expected || total.bytes_per_second < 1) return std::nullopt;
  const std::uint64_t rest = *total.expected > total.bytes ? *total.expected - total.bytes : 0;
  const double seconds = std::min(static_cast<double>(rest) / total.bytes_per_second, kLongestLeftSeconds);
  return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(seconds)));
}

// name | percent | bytes of total | speed; without the bytes if that is too wide.
std::string transfer_line(const TransferFigures& figures, std::size_t width) {
  const bool wide = width >= kFiguresWidth + kNameMin;
  const std::size_t taken = wide ? kFiguresWidth : kPercentWidth + kSpeedWidth;
  const std::size_t name_width = std::max(width, taken + kNameMin) - taken;
  std::string line = fit_name(figures.name, name_width);
  line.resize(name_width, ' ');
  line += padded_left(percent(figures.bytes, figures.expected), kPercentWidth);
  if (wide) {
    std::string amount = format_bytes(figures.bytes);
    if (figures.expected) amount += "/" + format_bytes(*figures.expected);
    line += padded_left(std::move(amount), kAmountWidth);
  }
  return line + padded_left(speed(figures.bytes_per_second), wide ? kWideSpeedWidth : kSpeedWidth);
}

// The longest form that fits. Speed and remaining time are the most useful, so they are left out last.
std::string total_line(const TotalFigures& total, std::size_t width) {
  const std::string count = std::to_string(total.done) + "/" + std::to_string(total.count);
  const std::string failed = total.failed > 0 ? ", " + std::to_string(total.failed) + " failed" : "";
  const std::string amount = "  " + format_bytes(total.bytes);
  const std::string of = total.expected ? (total.estimated ? "/~" : "/") + format_bytes(*total.expected) : "";
  const std::string share = total.expected ? percent(total.bytes, total.expected) : "";
  const std::string gap = share.empty() ? "" : " ";
  std::string rate = "  " + speed(total.bytes_per_second);
  if (total.done < total.count) rate += "  " + format_duration(time_left(total)) + " left";
  const std::string forms[] = {
      count + " done" + failed + amount + of + gap + share + rate,
      count + " done" + failed + amount + gap + share + rate,
      count + " done" + failed + gap + gap + share + rate,
      count + failed + gap + gap + share + rate,
      count + failed + rate,
      count + rate,
  };
  for (const std::string& form : forms) {
    if (form.size() <= width) return form;
  }
  return rate.substr(2);
}

}  // namespace

std::vector<std::string> progress_lines(const std::vector<TransferFigures>& active, const TotalFigures& total,
                                        Window window) {
  const std::size_t width = std::max<std::size_t>(window.columns, 2) - 1;  // a full line wraps on some terminals
  const std::size_t room = std::max<std::size_t>(window.rows, 2) - 1;
  std::size_t shown = std::min(active.size(), room - 1);
  const bool too_many = shown < active.size();
  if (too_many && shown > 0) --shown;  // a line for "+ N more"

  std::vector<std::string> lines;
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(transfer_line(active[i], width));
  if (too_many && room > 1) lines.push_back("+ " + std::to_string(active.size() - shown) + " more");
  lines.push_back(total_line(total, width));
  for (std::string& line : lines) {
    if (line.size() > width) line.resize(width);
  }
  return lines;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text = {};
  std::snprintf(text.data(), text.size(), value < 99.95 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
  return text.data();
}

std::string format_duration(std::optional<Duration> duration) {
  if (!duration) return "-:--";
  const auto seconds = static_cast<long long>(std::max<std::int64_t>(0, duration->count() / 1'000'000'000));
  std::array<char, 48> text = {};
  if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", seconds / 60, seconds % 60);
  } else if (seconds < 100 * 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lldd %02lldh", seconds / 86'400, seconds / 3600 % 24);
  }
  return text.data();
}

std::string fit_name(std::string_view name, std::size_t width) {
  constexpr std::string_view kGap = "...";
  std::string clean;
  for (const char c : name) clean += c >= ' ' && c <= '~' ? c : '?';
  if (clean.size() <= width) return clean;
  if (width <= kGap.size()) return clean.substr(0, width);
  // The end of a name is more useful than its beginning.
  const std::size_t head = (width - kGap.size()) / 2;
  const std::size_t tail = width - kGap.size() - head;
  return clean.substr(0, head) + std::string(kGap) + clean.substr(clean.size() - tail);
}

double SpeedMeter::update(std::uint64_t bytes, Instant now) {
  if (!last_) {
    last_ = now;
    bytes_ = bytes;
    return speed_;
  }
  const double seconds = std::chrono::duration<double>(now - *last_).count();
  if (seconds < kShortestStepSeconds) return speed_;
  const double present = static_cast<double>(bytes - std::min(bytes_, bytes)) / seconds;
  const double keep = measured_ ? std::exp2(-seconds / kHalfLifeSeconds) : 0;
  speed_ = speed_ * keep + present * (1 - keep);
  measured_ = true;
  last_ = now;
  bytes_ = bytes;
  return speed_;
}

}  // namespace sluice::cli
