# Imported targets for the LibTorch inside the pinned PyTorch wheel: no TorchConfig.cmake (it pulls CUDA and protobuf in).
set(TESSERA_TORCH_VERSION "2.11.0")
set(TESSERA_TORCH_DIR "" CACHE PATH "Folder of the torch package (site-packages/torch); empty: the project's .venv")
if(NOT TESSERA_TORCH_DIR)
  file(GLOB found ${CMAKE_CURRENT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  list(LENGTH found count)
  if(count EQUAL 0)
    message(FATAL_ERROR "LibTorch not found: ${CMAKE_CURRENT_SOURCE_DIR}/.venv has no torch package. "
      "Run framework/cmake/setup.sh, or pass -DTESSERA_TORCH_DIR=<site-packages>/torch.")
  endif()
  list(GET found 0 TESSERA_TORCH_DIR)
endif()
if(NOT EXISTS ${TESSERA_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch not found: ${TESSERA_TORCH_DIR}/lib/libtorch_cpu.so does not exist.")
endif()
file(READ ${TESSERA_TORCH_DIR}/version.py text)
string(REGEX MATCH "__version__ = '([^']*)'" line "${text}")
set(TESSERA_TORCH_BUILD "${CMAKE_MATCH_1}") # 2.11.0+cu130
string(REGEX MATCH "cuda[^=\n]*= '([^']*)'" line "${text}")
set(TESSERA_TORCH_CUDA "${CMAKE_MATCH_1}") # 13.0
if(NOT TESSERA_TORCH_BUILD MATCHES "^${TESSERA_TORCH_VERSION}([+]|$)")
  message(FATAL_ERROR "LibTorch ${TESSERA_TORCH_BUILD} found in ${TESSERA_TORCH_DIR}, expected ${TESSERA_TORCH_VERSION}.")
endif()

# What is installed searches LibTorch where it is now, and the CUDA runtime beside it.
get_filename_component(TESSERA_SITE_PACKAGES ${TESSERA_TORCH_DIR} DIRECTORY)
set(TESSERA_TORCH_RPATH ${TESSERA_TORCH_DIR}/lib ${TESSERA_SITE_PACKAGES}/nvidia/cu13/lib)
list(APPEND CMAKE_INSTALL_RPATH ${TESSERA_TORCH_RPATH})

add_library(c10 SHARED IMPORTED GLOBAL)
set_target_properties(c10 PROPERTIES IMPORTED_LOCATION ${TESSERA_TORCH_DIR}/lib/libc10.so)
add_library(torch_cpu SHARED IMPORTED GLOBAL)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION ${TESSERA_TORCH_DIR}/lib/libtorch_cpu.so)
add_library(tessera_torch INTERFACE IMPORTED GLOBAL)
# The wheel ships fmt headers of another version, without the library: ours, where there are any, are looked up first.
find_path(TESSERA_FMT_INCLUDE fmt/core.h)
if(TESSERA_FMT_INCLUDE)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/fmt_first)
  file(CREATE_LINK ${TESSERA_FMT_INCLUDE}/fmt ${CMAKE_BINARY_DIR}/generated/fmt_first/fmt SYMBOLIC)
  target_include_directories(tessera_torch SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/generated/fmt_first)
endif()
target_include_directories(tessera_torch SYSTEM INTERFACE
  ${TESSERA_TORCH_DIR}/include ${TESSERA_TORCH_DIR}/include/torch/csrc/api/include)
# The wheel's own libraries have references that only its CUDA half resolves.
target_link_options(tessera_torch INTERFACE LINKER:--allow-shlib-undefined)
target_link_libraries(tessera_torch INTERFACE torch_cpu c10)

# The C++ ABI of the wheel and of this compiler must be one: std::string crosses the border everywhere.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${TESSERA_TORCH_DIR}/include)
check_cxx_source_compiles("
  #include <string>
  #if !defined(_GLIBCXX_USE_CXX11_ABI) || _GLIBCXX_USE_CXX11_ABI != 1
  #error ABI
  #endif
  int main() { return 0; }" TESSERA_CXX11_ABI)
unset(CMAKE_REQUIRED_INCLUDES)
if(NOT TESSERA_CXX11_ABI)
  message(FATAL_ERROR "This compiler does not use the C++11 ABI of libstdc++ (_GLIBCXX_USE_CXX11_ABI=1), which LibTorch "
    "${TESSERA_TORCH_VERSION} was built with. Use g++ 12 or clang 14 with libstdc++.")
endif()
