# Finds LibTorch's headers and libraries and makes the target LibTorch::LibTorch.
#
# Looks in CMAKE_PREFIX_PATH (a LibTorch folder, or the torch folder of a Python installation), then
# in .deps/torch, where tools/setup.sh puts it. LibTorch's own package file is not used: with a CUDA
# build it asks for the whole CUDA toolkit, of which nothing is needed here.
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATH_SUFFIXES include torch/include
          HINTS ${PROJECT_SOURCE_DIR}/.deps/torch/torch NO_SYSTEM_ENVIRONMENT_PATH)
find_path(LibTorch_API_INCLUDE_DIR torch/nn/module.h PATH_SUFFIXES include/torch/csrc/api/include
          torch/include/torch/csrc/api/include HINTS ${PROJECT_SOURCE_DIR}/.deps/torch/torch)
foreach(library torch_cpu c10 torch torch_cuda c10_cuda)
  find_library(LibTorch_${library} ${library} PATH_SUFFIXES lib torch/lib
               HINTS ${PROJECT_SOURCE_DIR}/.deps/torch/torch)
endforeach()
foreach(file ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h ${LibTorch_API_INCLUDE_DIR}/torch/version.h)
  if(EXISTS ${file} AND NOT LibTorch_VERSION)
    file(STRINGS ${file} lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
    list(JOIN numbers "." LibTorch_VERSION)
  endif()
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_cpu LibTorch_c10 LibTorch_INCLUDE_DIR LibTorch_API_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run 'tools/setup.sh', or set CMAKE_PREFIX_PATH to a LibTorch >= 2.6")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(library_dir ${LibTorch_torch_cpu} DIRECTORY)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # After the system's folders: LibTorch ships its own copy of fmt's headers, which must not win.
  target_compile_options(LibTorch::LibTorch INTERFACE
    "SHELL:-idirafter ${LibTorch_API_INCLUDE_DIR}" "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}")
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_torch_cpu} ${LibTorch_c10})
  target_link_options(LibTorch::LibTorch INTERFACE "LINKER:-rpath,${library_dir}")
  if(LibTorch_torch_cuda)
    # Nothing refers to it by name; its kernels register themselves when it is loaded.
    target_link_libraries(LibTorch::LibTorch INTERFACE
      "-Wl,--no-as-needed" ${LibTorch_torch_cuda} ${LibTorch_c10_cuda} "-Wl,--as-needed")
  endif()
endif()
