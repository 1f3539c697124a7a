# tessera_add_plugin(KIND source.cpp): one library from one file; its name is the plugin's id.
set(TESSERA_PLUGIN_DIR ${CMAKE_BINARY_DIR}/plugins CACHE INTERNAL "")
function(tessera_add_plugin kind source)
  get_filename_component(id ${source} NAME_WE)
  set(target plugin_${kind}_${id})
  add_library(${target} MODULE ${source} ${ARGN})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${id}
    LIBRARY_OUTPUT_DIRECTORY ${TESSERA_PLUGIN_DIR}/${kind})
  tessera_use_torch(${target})
  target_link_libraries(${target} PRIVATE tessera::sdk tessera::nn tessera::kernels)
  target_link_options(${target} PRIVATE ${TESSERA_NO_UNDEFINED})
  set_property(GLOBAL APPEND PROPERTY TESSERA_PLUGINS ${target})
endfunction()

# tessera/fingerprint.h: what must be equal on both sides of a plugin border, as readable lines.
function(tessera_fingerprint_header target)
  set(header ${CMAKE_BINARY_DIR}/generated/tessera/fingerprint.h)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/framework/sdk/tessera/*.h* ${CMAKE_SOURCE_DIR}/framework/nn/*/*.hpp
       ${CMAKE_SOURCE_DIR}/framework/nn/*.hpp ${CMAKE_SOURCE_DIR}/framework/kernels/*/*.hpp)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${header} "-DHEADERS=${headers}" "-DTORCH=${TESSERA_TORCH_BUILD}" "-DCUDA=${TESSERA_TORCH_CUDA}"
            "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" -DROOT=${CMAKE_SOURCE_DIR}
            -P ${CMAKE_SOURCE_DIR}/framework/cmake/WriteFingerprint.cmake
    DEPENDS ${headers} ${CMAKE_SOURCE_DIR}/framework/cmake/WriteFingerprint.cmake VERBATIM)
  add_custom_target(tessera_fingerprint DEPENDS ${header})
  add_dependencies(${target} tessera_fingerprint)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>)
endfunction()
