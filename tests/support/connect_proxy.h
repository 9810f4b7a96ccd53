// ConnectProxy: a site's proxy on loopback that tunnels (CONNECT), or refuses to.
//
// Place:    tests/support; real sockets, one thread a tunnel.
#pragma once

#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace waybill {

class ConnectProxy {
 public:
  /// `refusal`: a status line ("407 Proxy Authentication Required") instead of tunnels.
  explicit ConnectProxy(std::string refusal = "")
      : refusal_(std::move(refusal)),
        listener_(Poco::Net::SocketAddress("127.0.0.1", 0)),
        thread_([this] { run(); }) {}
  ~ConnectProxy() {
    end_ = true;
    thread_.join();
    for (std::thread& tunnel : tunnels_) tunnel.join();
  }
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(listener_.address().port());
  }
  /// How many have asked for a tunnel.
  [[nodiscard]] int asked() const { return asked_; }

 private:
  using Socket = Poco::Net::StreamSocket;

  static bool is_readable(Socket& socket) {
    return socket.poll(Poco::Timespan(0, 20'000), Poco::Net::Socket::SELECT_READ);
  }

  void run() {
    while (!end_) {
      if (!listener_.poll(Poco::Timespan(0, 20'000), Poco::Net::Socket::SELECT_READ)) continue;
      tunnels_.emplace_back([this, client = listener_.acceptConnection()]() mutable {
        try {
          serve(client);
        } catch (const Poco::Exception&) {
          return;  // one of the two went away
        }
      });
    }
  }

  void serve(Socket& client) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n") && !end_) {
      if (!is_readable(client)) continue;
      if (client.receiveBytes(&byte, 1) <= 0) return;
      head.push_back(byte);
    }
    ++asked_;
    if (!refusal_.empty()) {
      say(client, "HTTP/1.1 " + refusal_ + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    const std::size_t from = head.find(' ') + 1;
    Socket server{Poco::Net::SocketAddress(head.substr(from, head.find(' ', from) - from))};
    say(client, "HTTP/1.1 200 Connection established\r\n\r\n");
    while (!end_ && pass(client, server) && pass(server, client)) continue;
  }

  static void say(Socket& socket, const std::string& text) {
    socket.sendBytes(text.data(), static_cast<int>(text.size()));
  }

  /// False when `from` has closed.
  static bool pass(Socket& from, Socket& to) {
    if (!is_readable(from)) return true;
    std::vector<char> bytes(64 * 1024);
    const int count = from.receiveBytes(bytes.data(), static_cast<int>(bytes.size()));
    if (count > 0) to.sendBytes(bytes.data(), count);
    return count > 0;
  }

  std::string refusal_;
  Poco::Net::ServerSocket listener_;
  std::atomic<bool> end_ = false;
  std::atomic<int> asked_ = 0;
  std::vector<std::thread> tunnels_;
  std::thread thread_;
};

}  // namespace waybill
