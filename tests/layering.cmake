# Which folder may include what. Run: cmake -DROOT=<source folder> -P tests/layering.cmake
#
# A new arrow, or a second home for a library, is a decision: change this file and say why.

# Arrows between our folders: "folder : what it may include".
set(ARROWS
  "core : core/"
  "sync/http : core/ sync/http/"
  "sync : core/ sync/"
  "agent : core/ sync/ agent/"
  # central speaks HTTP to the Storage API with the same transport, and takes nothing else of sync
  # (docs/decisions/0002).
  "central : core/ sync/http/ central/"
)

# Third-party and platform headers: "pattern of the header : where it may stand".
set(HOMES
  # OpenSSL hashes and signs in core; below libcurl it only tells whose certificate was not trusted.
  "^openssl/ : ^(core/crypto|sync/http/untrusted_issuer)\\.cc$"
  "^re2/ : ^core/read/pattern\\.cc$"
  "^curl/ : ^sync/http/"
  # Two things are SQLite: the agent's ledger, and a dump that a partner delivers as a database.
  "^(sqlite3\\.h|SQLiteCpp/) : ^(agent/ledger|central/channels)/"
  "^archive(_entry)?\\.h : ^central/channels/"
  "^zlib\\.h : ^central/channels/"
  "^libpq-fe\\.h : ^central/pg/"
  "^Poco/ : ^central/standin/"
  # Two programs, one command line each.
  "^CLI/ : ^(agent|central)/cli/"
  "^spdlog/ : ^core/log\\.cc$"
  # Only tests know these.
  "^catch2/ : ^$"
  "^csv\\.h$ : ^$"
  "^(unistd|fcntl|dirent|poll|pwd|termios|signal|spawn)\\.h|^sys/|^netinet/|^arpa/|^csignal$ : _posix\\.cc$"
  "^(windows|winsock2)\\.h : _windows\\.cc$"
)

set(bad "")
file(GLOB_RECURSE sources RELATIVE ${ROOT}
     ${ROOT}/core/*.h ${ROOT}/core/*.cc ${ROOT}/sync/*.h ${ROOT}/sync/*.cc
     ${ROOT}/agent/*.h ${ROOT}/agent/*.cc ${ROOT}/central/*.h ${ROOT}/central/*.cc)
list(LENGTH sources count)
if(count LESS 10)
  message(FATAL_ERROR "layering: only ${count} sources found below '${ROOT}'")
endif()

foreach(source ${sources})
  set(allowed "")
  foreach(arrow ${ARROWS})
    string(REGEX MATCH "^([^ ]+) : (.*)$" _ "${arrow}")
    set(folder "${CMAKE_MATCH_1}")
    set(targets "${CMAKE_MATCH_2}")
    if(NOT allowed AND source MATCHES "^${folder}/")
      string(REPLACE " " ";" allowed "${targets}")
    endif()
  endforeach()
  file(STRINGS ${ROOT}/${source} includes REGEX "^#include")
  foreach(line ${includes})
    if(line MATCHES "^#include \"([^\"]+)\"")
      set(header "${CMAKE_MATCH_1}")
      set(good FALSE)
      foreach(target ${allowed})
        string(FIND "${header}" "${target}" at)
        if(at EQUAL 0)
          set(good TRUE)
        endif()
      endforeach()
      if(NOT good)
        list(APPEND bad "${source} includes \"${header}\": no such arrow")
      endif()
    elseif(line MATCHES "^#include <([^>]+)>")
      set(header "${CMAKE_MATCH_1}")
      foreach(home ${HOMES})
        string(REGEX MATCH "^(.*) : (.*)$" _ "${home}")
        set(pattern "${CMAKE_MATCH_1}")
        set(place "${CMAKE_MATCH_2}")
        if(header MATCHES "${pattern}" AND NOT source MATCHES "${place}")
          list(APPEND bad "${source} includes <${header}>: its home is ${place}")
        endif()
      endforeach()
    endif()
  endforeach()
endforeach()

if(bad)
  list(JOIN bad "\n  " text)
  message(FATAL_ERROR "layering:\n  ${text}")
endif()
message(STATUS "layering: ${count} sources, every include points the right way")
