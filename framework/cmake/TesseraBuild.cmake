# Settings that hold for every target: language level, hidden symbols, warnings as errors, folders, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

# -fPIC by hand: one precompiled header then serves executables, shared and module libraries alike.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-fPIC>)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

set(CMAKE_BUILD_RPATH_USE_ORIGIN ON) # the build folder may be moved
set(CMAKE_INSTALL_RPATH "$ORIGIN;$ORIGIN/../lib") # LibTorch's folder is added where it is found

option(TESSERA_WERROR "Warnings are errors on our own code" ON)
option(TESSERA_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(tessera_settings INTERFACE)
target_compile_options(tessera_settings INTERFACE
  # Not -Wshadow under sanitizers: files are built together there, and names of one may hide those of another.
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;$<$<NOT:$<BOOL:${TESSERA_ASAN}>>:-Wshadow>;-Wno-unused-parameter>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${TESSERA_WERROR}>>:-Werror>)
target_compile_definitions(tessera_settings INTERFACE $<$<BOOL:${TESSERA_ASAN}>:TESSERA_ASAN=1>)
if(TESSERA_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
else()
  set(TESSERA_NO_UNDEFINED "LINKER:-z,defs")
endif()

find_program(TESSERA_CCACHE ccache)
if(TESSERA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${TESSERA_CCACHE})
endif()
foreach(linker mold lld)
  find_program(TESSERA_${linker} NAMES ${linker} ld.${linker})
  if(TESSERA_${linker})
    add_link_options(-fuse-ld=${linker})
    break()
  endif()
endforeach()
