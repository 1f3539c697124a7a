# cmake --install: the two programs, the built-in plugins, the experiments, and what find_package(Tessera) needs. LibTorch
# stays where it is: its folder is written into the libraries' search path and into TesseraConfig.cmake.
include(CMakePackageConfigHelpers)
set(package lib/cmake/Tessera)
set(cmake_folder ${PROJECT_SOURCE_DIR}/framework/cmake)

install(TARGETS tessera tessera-host RUNTIME DESTINATION bin)
install(TARGETS tessera_sdk tessera_nn tessera_kernels EXPORT TesseraTargets LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
if(TESSERA_CUDA)
  install(TARGETS tessera_cuda LIBRARY DESTINATION lib)
endif()
install(EXPORT TesseraTargets NAMESPACE tessera:: DESTINATION ${package})
set_target_properties(tessera_sdk PROPERTIES EXPORT_NAME sdk)
set_target_properties(tessera_nn PROPERTIES EXPORT_NAME nn)
set_target_properties(tessera_kernels PROPERTIES EXPORT_NAME kernels)

install(DIRECTORY framework/sdk/tessera framework/nn framework/kernels DESTINATION include/tessera
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/generated/tessera/fingerprint.h DESTINATION include/tessera/tessera)
install(DIRECTORY experiments DESTINATION share/tessera PATTERN write_results.sh EXCLUDE)
# Documents lie to one another as in the sources, so that their links lead somewhere.
set(documents share/doc/tessera)
install(FILES LICENSE README.md DESTINATION ${documents})
install(DIRECTORY experiments DESTINATION ${documents} PATTERN write_results.sh EXCLUDE)
install(DIRECTORY framework/docs DESTINATION ${documents}/framework FILES_MATCHING PATTERN "*.md")
install(FILES results/README.md DESTINATION ${documents}/results)
install(DIRECTORY results/reference results/experiments DESTINATION ${documents}/results)
install(CODE "
  set(folder \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${documents}\")
  file(REMOVE \${folder}/framework/sdk)
  file(CREATE_LINK ../../../../include/tessera \${folder}/framework/sdk SYMBOLIC)")

get_filename_component(compiler_name ${CMAKE_CXX_COMPILER} NAME)
configure_package_config_file(${cmake_folder}/TesseraConfig.cmake.in ${PROJECT_BINARY_DIR}/generated/TesseraConfig.cmake
                              INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/TesseraConfigVersion.cmake COMPATIBILITY ExactVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/TesseraConfig.cmake ${PROJECT_BINARY_DIR}/generated/TesseraConfigVersion.cmake
        ${cmake_folder}/TesseraLibTorch.cmake ${cmake_folder}/TesseraPlugin.cmake DESTINATION ${package})
