# tessera/fingerprint.h: what must be equal on both sides of a plugin border, as readable lines.
function(tessera_fingerprint_header target)
  set(header ${CMAKE_BINARY_DIR}/generated/tessera/fingerprint.h)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/framework/sdk/tessera/*.h* ${PROJECT_SOURCE_DIR}/framework/nn/*.hpp
       ${PROJECT_SOURCE_DIR}/framework/kernels/*/*.hpp)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${header} "-DHEADERS=${headers}" "-DTORCH=${TESSERA_TORCH_BUILD}" "-DCUDA=${TESSERA_TORCH_CUDA}"
            "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
            -P ${PROJECT_SOURCE_DIR}/framework/cmake/WriteFingerprint.cmake
    DEPENDS ${headers} ${PROJECT_SOURCE_DIR}/framework/cmake/WriteFingerprint.cmake VERBATIM)
  add_custom_target(tessera_fingerprint DEPENDS ${header})
  add_dependencies(${target} tessera_fingerprint)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>)
endfunction()
