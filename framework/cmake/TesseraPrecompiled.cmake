# Two precompiled headers: one for every unit that sees torch, one for all others. A header of ours includes what it uses all the same.
#
# Under sanitizers units that see torch are many and slow to build:
# addresses only, as fast as the compiler can.
if(TESSERA_ASAN)
  set(TESSERA_TORCH_OPTIONS -O0 -g0 -fno-sanitize=undefined)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # C++20 means modules to Clang; there are none here, and with them clang-tidy preprocesses every unit twice.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp -Xclang -fno-cxx-modules>"
    $<$<COMPILE_LANGUAGE:CXX>:-fpch-instantiate-templates>)
endif()
add_library(tessera_pch OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/framework/cmake/pch.cpp)
target_link_libraries(tessera_pch PRIVATE tessera_torch tessera_settings)
target_precompile_headers(tessera_pch PRIVATE <torch/torch.h>)
target_compile_options(tessera_pch PRIVATE ${TESSERA_TORCH_OPTIONS})

add_library(tessera_plain_pch OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/framework/cmake/pch.cpp)
target_link_libraries(tessera_plain_pch PRIVATE fmt::fmt nlohmann_json::nlohmann_json tessera_settings)
target_precompile_headers(tessera_plain_pch PRIVATE <fmt/format.h> <nlohmann/json.hpp> <algorithm> <filesystem> <fstream> <functional> <map>
  <optional> <set> <string> <unordered_map> <vector>)

# Under sanitizers what headers bring is built once for the files of a folder, not for each: half of the time, a tenth with LibTorch.
# By folder, so that a new file elsewhere moves none of them next to others; files of one folder share no name (check_tidy.py).
function(tessera_build_together target)
  if(NOT TESSERA_ASAN)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(path ${source} ABSOLUTE)
    get_filename_component(folder ${path} DIRECTORY)
    file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
    string(MAKE_C_IDENTIFIER ${folder} group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()

# Is free of LibTorch, with the other one.
function(tessera_torch_free target)
  target_link_libraries(${target} PRIVATE tessera_settings)
  target_precompile_headers(${target} REUSE_FROM tessera_plain_pch)
  tessera_build_together(${target})
endfunction()

# Uses LibTorch, with the shared precompiled header.
function(tessera_use_torch target)
  target_link_libraries(${target} PUBLIC tessera_torch PRIVATE $<BUILD_INTERFACE:tessera_settings>)
  target_precompile_headers(${target} REUSE_FROM tessera_pch)
  target_compile_options(${target} PRIVATE ${TESSERA_TORCH_OPTIONS})
  tessera_build_together(${target})
endfunction()
