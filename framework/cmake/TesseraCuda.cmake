# TESSERA_CUDA: compile and link the CUDA kernels. A GPU is needed to run them, not to build them.
find_program(TESSERA_NVCC nvcc HINTS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
set(usable OFF)
if(TESSERA_NVCC)
  execute_process(COMMAND ${TESSERA_NVCC} --version OUTPUT_VARIABLE text)
  string(REGEX MATCH "release ([0-9]+)\\.[0-9]+" text "${text}")
  set(nvcc_major ${CMAKE_MATCH_1})
  string(REGEX MATCH "^[0-9]+" torch_cuda_major "${TESSERA_TORCH_CUDA}")
  if(nvcc_major STREQUAL torch_cuda_major)
    set(usable ON)
  endif()
endif()
option(TESSERA_CUDA "Build the CUDA kernels (needs nvcc of LibTorch's CUDA ${TESSERA_TORCH_CUDA})" ${usable})
if(TESSERA_CUDA AND NOT usable)
  message(FATAL_ERROR "TESSERA_CUDA is ON, but there is no nvcc of CUDA ${TESSERA_TORCH_CUDA} (found: ${TESSERA_NVCC} ${nvcc_major}). "
    "Install the CUDA toolkit, or pass -DTESSERA_CUDA=OFF.")
endif()

if(TESSERA_CUDA)
  # Kernels see raw pointers and a stream and no torch header: seconds instead of a minute a file (hence no enable_language,
  # which would also want a toolkit for the host part).
  get_filename_component(TESSERA_CUDA_ROOT ${TESSERA_NVCC} REALPATH)
  get_filename_component(TESSERA_CUDA_ROOT ${TESSERA_CUDA_ROOT}/../.. ABSOLUTE)
  set(TESSERA_NVCC_FLAGS -std=c++20 -O3 -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-fPIC,-fvisibility=hidden,-Wall -Werror all-warnings
      -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_90,code=compute_90)

  # The shared libcudart that LibTorch itself uses; never the stub of libcuda.
  add_library(tessera_torch_cuda INTERFACE IMPORTED GLOBAL)
  target_include_directories(tessera_torch_cuda SYSTEM INTERFACE ${TESSERA_CUDA_ROOT}/include)
  target_link_libraries(tessera_torch_cuda INTERFACE tessera_torch ${TESSERA_TORCH_DIR}/lib/libc10_cuda.so
                        ${TESSERA_SITE_PACKAGES}/nvidia/cu13/lib/libcudart.so.13)
endif()

# tessera_cuda_objects(RESULT a.cu …): objects of CUDA sources; they include from framework/ and must be free of torch.
function(tessera_cuda_objects result)
  set(objects "")
  foreach(source ${ARGN})
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
    string(REPLACE "/" "_" name ${name})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${TESSERA_NVCC} ${TESSERA_NVCC_FLAGS} -I ${PROJECT_SOURCE_DIR}/framework -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Building CUDA object ${name}.o" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()
