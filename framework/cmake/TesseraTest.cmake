# tessera_add_test(NAME [TORCH] [NO_ASAN] SOURCES … LIBRARIES … [LABELS …]): one GoogleTest program, known to CTest as one test.
# Labels: fast (default; all of them together stay under a minute) or slow. What is fast and free of LibTorch
# gets the label asan too: the preset asan builds and runs those (target tessera_asan_tests). NO_ASAN is for tests that need
# the real host and plugins, which would have to be built for it.
add_custom_target(tessera_asan_tests)
function(tessera_add_test name)
  cmake_parse_arguments(arg "TORCH;NO_ASAN" "" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(arg_TORCH)
    tessera_use_torch(${name})
  else()
    tessera_torch_free(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gtest GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/framework ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE TESSERA_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TESSERA_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(NOT arg_LABELS)
    set(arg_LABELS fast)
  endif()
  if(NOT slow IN_LIST arg_LABELS AND NOT arg_TORCH AND NOT arg_NO_ASAN AND NOT "tessera::sdk" IN_LIST arg_LIBRARIES)
    list(APPEND arg_LABELS asan)
    list(REMOVE_DUPLICATES arg_LABELS)
    add_dependencies(tessera_asan_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" ENVIRONMENT "OMP_NUM_THREADS=1"
                                           ENVIRONMENT_MODIFICATION "COLUMNS=unset:" TIMEOUT 600)
endfunction()
