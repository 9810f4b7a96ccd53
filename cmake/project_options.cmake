# project_options: warnings, sanitizers and the include root, for every target of ours.
add_library(project_options INTERFACE)
target_compile_options(project_options INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow
                       -Wnon-virtual-dtor -Wold-style-cast -Wno-psabi)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR})
if(WAYBILL_SANITIZE)
  # g++ 12 sees uninitialised values in its own headers once sanitizers instrument them.
  target_compile_options(project_options INTERFACE -fsanitize=address,undefined
                         -fno-sanitize-recover=all -fno-omit-frame-pointer
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(project_options INTERFACE -fsanitize=address,undefined)
endif()
if(WAYBILL_FUZZ)
  target_compile_options(project_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
