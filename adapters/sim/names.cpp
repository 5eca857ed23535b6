// See names.hpp.
#include "adapters/sim/names.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/base/address_family.hpp"

namespace sluice::sim {
namespace {

constexpr int kNoSuchName = 4;  // a c-ares status, as from a real resolver
constexpr int kNoData = 1;

// As a real resolver says that there is no such name, or no such record.
Error resolve_error(const std::string& host, std::string_view why, int detail) {
  Error error = make_error(Code::resolve_failed, "resolve " + host + ": " + std::string(why), detail);
  error.name_absent = true;
  return error;
}

}  // namespace

std::uint64_t Names::ask(const output::Resolve& what, Asker& asker) {
  const std::uint64_t number = records_.size();
  Random random(chance_.seed_of(Chance::Stream::name, number));
  const NameSpec* name = directory_.find_name(what.host);
  const NameSpec spec = name ? *name : NameSpec{};
  Instant at = clock_.steady() + std::max(spec.delay, Duration::zero()) + draw_up_to(random, spec.jitter);
  const bool never = draw_chance(random, spec.never);
  const bool fails = draw_chance(random, spec.fails);
  const bool wrong = draw_chance(random, spec.wrong);
  Question question{.id = what.id, .asker = &asker, .answer = {}, .part = {}, .fault = {}, .never = never};
  records_.push_back({.host = what.host, .asked = clock_.steady(), .over = {}, .first = {}, .ttl = spec.ttl});
  if (never) {
    questions_.emplace(number, std::move(question));
    journal_.count("name never");
    return number;
  }
  if (!name || fails) {
    question.answer = std::unexpected(resolve_error(what.host, "Domain name not found", kNoSuchName));
    question.fault = "name fails";
  } else {
    look_up(spec, what, wrong, random, question);
    if (question.answer) split(spec, what, random, question, at);
  }
  questions_.emplace(number, std::move(question));
  push_answer(at, number);
  return number;
}

void Names::look_up(const NameSpec& spec, const output::Resolve& what, bool wrong, Random& random, Question& question) {
  std::vector<IpAddress> addresses;
  std::copy_if(spec.addresses.begin(), spec.addresses.end(), std::back_inserter(addresses),
               [&](const IpAddress& address) { return family_fits(what.family, address); });
  if (wrong) {
    question.fault = "name wrong";
    if (random.below(2) == 0) addresses.clear();
    for (std::uint64_t left = 1 + random.below(3); left > 0; --left) {
      const bool ipv6 =
          what.family == AddressFamily::ipv6 || (what.family == AddressFamily::any && random.below(3) == 0);
      const auto kind = ipv6 ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
      addresses.insert(addresses.begin(), directory_.nowhere(kind, random));
    }
  }
  if (addresses.empty()) {
    question.answer = std::unexpected(resolve_error(what.host, "DNS server returned answer with no data", kNoData));
    question.fault = "name fails";
  } else {
    question.answer = std::move(addresses);
  }
}

// Splits the answer into one for each family, if there are two. `at` is the time of the IPv4 answer, and then of the
// first answer.
void Names::split(const NameSpec& spec, const output::Resolve& what, Random& random, Question& question, Instant& at) {
  if (!spec.ipv6_later || what.family != AddressFamily::any) return;
  const bool rest_never = draw_chance(random, spec.rest_never);
  const auto first = *spec.ipv6_later < Duration::zero() ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
  const std::vector<IpAddress>& all = *question.answer;
  std::copy_if(all.begin(), all.end(), std::back_inserter(question.part),
               [&](const IpAddress& one) { return one.kind == first; });
  if (question.part.empty() || question.part.size() == all.size()) {
    question.part.clear();
    return;
  }
  question.rest = std::chrono::abs(*spec.ipv6_later);
  question.rest_never = rest_never;
  if (first == IpAddress::Kind::ipv6) at = std::max(clock_.steady(), at - question.rest);
}

void Names::push_answer(Instant at, std::uint64_t number) {
  events_.push(at, Event::Kind::answer, static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32));
}

void Names::say_resolved(ResolveId id, std::string_view verb, const std::vector<IpAddress>& addresses) {
  TraceLine text = journal_.line('r', id);
  text.word(verb);
  for (const IpAddress& address : addresses) text.word(address.to_string());
}

NameTold Names::answer(std::uint64_t number) {
  if (Question& waiting = questions_.at(number); !waiting.part.empty()) return answer_in_part(number, waiting);
  Question question = std::move(questions_.extract(number).mapped());
  const ResolveId id = question.id;
  ResolveRecord& record = records_[static_cast<std::size_t>(number)];
  if (!question.canceled) record.over = clock_.steady();
  record.failed = !question.answer && !question.canceled;
  if (question.answer) {
    say_resolved(id, "resolved", *question.answer);
  } else {
    journal_.line('r', id).word(question.answer.error().message());
  }
  if (question.canceled) {
    journal_.line('r', id).word("fault: stale fact");
    journal_.count("stale fact");
  } else if (!question.fault.empty()) {
    journal_.line('r', id).word("fault:").word(question.fault);
    journal_.count(question.fault);
  }
  if (!question.answer) return {question.asker, id, std::unexpected(question.answer.error())};
  return {question.asker, id, NameAnswer(std::move(*question.answer), record.ttl)};
}

NameTold Names::answer_in_part(std::uint64_t number, Question& question) {
  std::vector<IpAddress> part = std::exchange(question.part, {});
  ResolveRecord& record = records_[static_cast<std::size_t>(number)];
  say_resolved(question.id, "resolved in part", part);
  if (!question.canceled) {
    record.first = clock_.steady();
    record.first_is_ipv4 = part.front().kind == IpAddress::Kind::ipv4;
  }
  if (question.rest_never) {
    question.never = true;
    journal_.count("name rest never");
  } else {
    push_answer(clock_.steady() + question.rest, number);
  }
  return {question.asker, question.id, NameAnswer(std::move(part), record.ttl, true)};
}

void Names::call_off(std::uint64_t number, const Weather& weather) {
  const auto found = questions_.find(number);
  if (found == questions_.end()) return;
  records_[static_cast<std::size_t>(number)].over = clock_.steady();
  if (!found->second.never && chance_.stale_answer(weather)) {
    found->second.canceled = true;
  } else {
    questions_.erase(found);
  }
}

void Names::forget(std::uint64_t number) {
  if (questions_.erase(number) == 0) return;
  std::optional<Instant>& over = records_[static_cast<std::size_t>(number)].over;
  if (!over) over = clock_.steady();
}

}  // namespace sluice::sim
