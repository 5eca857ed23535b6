// libcurl at its fastest: the multi interface driven by curl_multi_socket_action over epoll, with reused easy handles
// and kept connections. A separate process, because the system's libcurl links OpenSSL.
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <vector>

#include "tests/bench/figures.hpp"

namespace {

struct Loop {
  int poller = -1;
  long timeout_ms = -1;
  std::chrono::steady_clock::time_point deadline;
  std::uint64_t bytes = 0;
};

int on_socket(CURL*, curl_socket_t fd, int what, void* loop, void* known) {
  const int poller = static_cast<Loop*>(loop)->poller;
  epoll_event event = {.events = 0, .data = {.fd = fd}};
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(poller, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (epoll_ctl(poller, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
    epoll_ctl(poller, known == nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  }
  return 0;
}

int on_timer(CURLM*, long timeout_ms, void* loop) {
  auto& self = *static_cast<Loop*>(loop);
  self.timeout_ms = timeout_ms;
  if (timeout_ms >= 0) self.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

std::size_t on_body(char*, std::size_t size, std::size_t count, void* loop) {
  static_cast<Loop*>(loop)->bytes += size * count;
  return size * count;
}

CURL* make_easy(const bench::Job& job, Loop& loop, CURLSH* sessions) {
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, job.url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &loop);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, job.requests == 1 ? 256L * 1024 : 16L * 1024);
  curl_easy_setopt(easy, CURLOPT_SHARE, sessions);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, job.each_its_own ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(job.shares_one ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, job.shares_one ? 1L : 0L);
  if (job.ca_file != nullptr) curl_easy_setopt(easy, CURLOPT_CAINFO, job.ca_file);
  return easy;
}

void check(CURL* easy) {
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_2) bench::die("curl: not HTTP/2");
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  static long all = 0;
  if ((all += connections) > 1) bench::die("curl: more than one connection");
}

int wait_ms(const Loop& loop) {
  if (loop.timeout_ms < 0) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(loop.deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<long>(0, left.count()));
}

}  // namespace

int main(int count, char** words) {
  const bench::Job job = bench::Job::from(count, words);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Loop loop;
  loop.poller = epoll_create1(EPOLL_CLOEXEC);
  bench::Figures figures;
  CURLSH* sessions = curl_share_init();
  curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  CURLM* multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &loop);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, &loop);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING,
                    static_cast<long>(job.shares_one ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
  if (job.shares_one) curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(job.at_once));
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(job.at_once + 16));

  const std::uint64_t warm_up = job.requests == 1 ? 0 : job.at_once;
  std::uint64_t done = 0, asked = job.at_once;
  std::vector<CURL*> handles;
  for (std::size_t i = 0; i < job.at_once; ++i) handles.push_back(make_easy(job, loop, sessions));
  if (warm_up == 0) figures.begin();
  for (CURL* easy : handles) curl_multi_add_handle(multi, easy);
  std::vector<epoll_event> events(1024);
  int running = 0;
  while (done < warm_up + job.requests) {
    const int ready = epoll_wait(loop.poller, events.data(), static_cast<int>(events.size()), wait_ms(loop));
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(multi, event.data.fd, what, &running);
    }
    if (loop.timeout_ms >= 0 && std::chrono::steady_clock::now() >= loop.deadline) {
      loop.timeout_ms = -1;
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      if (message->data.result != CURLE_OK) bench::die(curl_easy_strerror(message->data.result));
      CURL* easy = message->easy_handle;
      if (job.shares_one) check(easy);
      curl_multi_remove_handle(multi, easy);
      if (++done == warm_up) {
        figures.begin();
        loop.bytes = 0;
      }
      if (asked < warm_up + job.requests) {
        curl_multi_add_handle(multi, easy);
        ++asked;
      }
    }
  }
  figures.end();
  figures.print(job.requests, loop.bytes);
  for (CURL* easy : handles) {
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
  }
  curl_multi_cleanup(multi);
  curl_share_cleanup(sessions);
  curl_global_cleanup();
}
