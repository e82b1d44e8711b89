# elbo_library(folder SOURCES a.cpp ... DEPENDS elbo_core ... [TESTS a_test.cpp ...] [SLOW_TESTS ...] [TORCH])
#
# The static library elbo_<folder> of one folder, and one test program per tier from the *_test.cpp
# files beside the sources. TORCH adds LibTorch and shares the one precompiled header.
# With ELBO_FUZZ, every fuzz/fuzz_<name>.cpp becomes a fuzzer.
function(elbo_library folder)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPENDS;TESTS;SLOW_TESTS" ${ARGN})
  set(name elbo_${folder})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
  if(ARG_TORCH)
    target_link_libraries(${name} PUBLIC LibTorch::LibTorch)
    elbo_precompile(${name})
  endif()
  if(ARG_TESTS AND ELBO_TESTS)
    elbo_test(${folder}_test SOURCES ${ARG_TESTS} DEPENDS ${name} LABEL fast)
  endif()
  if(ARG_SLOW_TESTS AND ELBO_TESTS)
    elbo_test(${folder}_slow_test SOURCES ${ARG_SLOW_TESTS} DEPENDS ${name} LABEL slow)
  endif()
  if(ELBO_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
    file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_*.cpp)
    foreach(source ${fuzzers})
      elbo_fuzzer(${source} DEPENDS ${name})
    endforeach()
  endif()
endfunction()

# elbo_isa_sources(target a.cpp ... [BF16] OPTIONS ...): compiles each file once for every instruction
# set of core/cpu.h into the target, for those of bf16 only if asked to, with ELBO_ISA defined to its
# name, which is the namespace of all that the file defines. Such a file may use nothing inline from
# other headers: the linker keeps one copy of an inline function, and it must not be the one that only
# some machines can run. A test per target and instruction set looks for such functions in the objects.
set(ELBO_ISA_FLAGS_scalar "")
set(ELBO_ISA_FLAGS_avx2 -mavx2 -mfma)
set(ELBO_ISA_FLAGS_avx512 ${ELBO_ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl
    -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # its own intrinsics warn (its bug 105593)
  list(APPEND ELBO_ISA_FLAGS_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
set(ELBO_ISA_FLAGS_avx512_bf16 ${ELBO_ISA_FLAGS_avx512} -mavx512bf16)
set(ELBO_ISA_FLAGS_amx ${ELBO_ISA_FLAGS_avx512_bf16} -mamx-tile -mamx-bf16)
function(elbo_isa_sources target)
  cmake_parse_arguments(ARG "BF16" "" "OPTIONS" ${ARGN})
  set(isas scalar)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND isas avx2 avx512)
    if(ARG_BF16)
      list(APPEND isas avx512_bf16 amx)
    endif()
  endif()
  foreach(isa ${isas})
    set(objects ${target}_${isa})
    if(ARG_BF16)
      set(objects ${target}_bf16_${isa})
    endif()
    add_library(${objects} OBJECT ${ARG_UNPARSED_ARGUMENTS})
    target_include_directories(${objects} PRIVATE ${PROJECT_SOURCE_DIR})
    target_compile_definitions(${objects} PRIVATE ELBO_ISA=${isa})
    target_compile_options(${objects} PRIVATE ${ARG_OPTIONS} ${ELBO_ISA_FLAGS_${isa}})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    if(ELBO_TESTS)
      add_test(NAME ${objects}_symbols
               COMMAND ${PROJECT_SOURCE_DIR}/tools/check_isa_symbols.sh ${CMAKE_NM} ${isa}
                       $<TARGET_OBJECTS:${objects}>
               COMMAND_EXPAND_LISTS)
      set_tests_properties(${objects}_symbols PROPERTIES LABELS fast)
    endif()
  endforeach()
endfunction()

# elbo_fuzzer(.../fuzz_<name>.cpp DEPENDS ...): a libFuzzer program, and a ctest entry that replays
# the corpus in tests/fuzz/<name>.
function(elbo_fuzzer source)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  cmake_path(GET source STEM target)
  string(REGEX REPLACE "^fuzz_" "" name ${target})
  add_executable(${target} ${source})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  target_link_libraries(${target} PRIVATE ${ARG_DEPENDS})
  target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  add_test(NAME ${target} COMMAND ${target} -runs=0 ${PROJECT_SOURCE_DIR}/tests/fuzz/${name})
  set_tests_properties(${target} PROPERTIES LABELS fast)
endfunction()

# Compiles a target with the precompiled header of narrow LibTorch includes; the first target builds
# it, the others use it.
function(elbo_precompile name)
  if(TARGET elbo_tensor AND NOT name STREQUAL elbo_tensor)
    target_precompile_headers(${name} REUSE_FROM elbo_tensor)
  else()
    target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/elbo/tensor/torch.h)
  endif()
endfunction()

# elbo_tell_places(a_test.cpp ...): defines ELBO_SOURCE_DIR and ELBO_BINARY_DIR for these files of the
# folder alone, since what is compiled with a path in it is not found again in the compiler's cache.
function(elbo_tell_places)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS
    "ELBO_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\";ELBO_BINARY_DIR=\"${PROJECT_BINARY_DIR}\"")
endfunction()

# elbo_test(name SOURCES ... DEPENDS ... LABEL fast|slow): one GoogleTest program and one ctest entry.
function(elbo_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # One thread each: ctest runs them side by side, and the idle threads of a team spin.
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 3600
                       ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()
