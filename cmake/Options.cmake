# Compiler options of everything here, as the interface library ft_options.
option(FT_FUZZ "build libFuzzer targets (clang)" OFF)
set(FT_SANITIZE "" CACHE STRING "value for -fsanitize=")

# C11 itself: target_compile_features(c_std_11) would be a minimum, and C17 here.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
# Assertions stay on in a release: a monitor that goes on with wrong state is worse than one that stops.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_library(ft_options INTERFACE)
target_compile_definitions(ft_options INTERFACE _GNU_SOURCE)
target_compile_options(ft_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -fvisibility=hidden)
target_include_directories(ft_options INTERFACE ${PROJECT_SOURCE_DIR})
if(FT_SANITIZE)
  target_compile_options(ft_options INTERFACE -fsanitize=${FT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ft_options INTERFACE -fsanitize=${FT_SANITIZE})
endif()
if(FT_FUZZ)
  target_compile_options(ft_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What is done for each event is a few loops: where they happen to begin must not decide how fast they are.
target_compile_options(ft_options INTERFACE
  $<$<AND:$<C_COMPILER_ID:GNU>,$<NOT:$<CONFIG:Debug>>>:-falign-functions=64 -falign-loops=32>)
