#include <csignal>
#include <thread>

#include "core/termination.h"

namespace waybill {

void arm_termination(StopSource& stop) {
  // A handler may do next to nothing; so the signals are blocked in every thread (they inherit
  // the mask) and one thread takes them as ordinary calls.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread([signals, &stop] {
    int signal = 0;
    while (sigwait(&signals, &signal) == 0) stop.request();
  }).detach();
}

}  // namespace waybill
