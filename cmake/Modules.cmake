include(CheckCCompilerFlag)
include(CheckPIESupported)
check_c_compiler_flag(-fcf-protection=full HOLDFAST_CET) # x86: jumps and returns go where they may
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Everything that is compiled gets the same warnings and sees the same include root.
add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(build_flags INTERFACE _GNU_SOURCE HOLDFAST_VERSION="${PROJECT_VERSION}")
target_compile_options(build_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wconversion -Wno-sign-conversion
    -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
    $<$<BOOL:${HOLDFAST_CET}>:-fcf-protection=full>
    $<$<BOOL:${HOLDFAST_WERROR}>:-Werror>)
target_link_options(build_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(HOLDFAST_SANITIZE)
    target_compile_options(build_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(build_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
else()
    # _FORTIFY_SOURCE hides accesses from the sanitizers, so it goes only where they are not.
    target_compile_definitions(build_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3>)
endif()

# add_module(hub_store SOURCES a.c b.c USES common) makes one folder a library.
# Its tests link the same library, so what is tested is what is shipped.
function(add_module name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC build_flags ${ARG_USES})
endfunction()

# add_program(holdfast-hub SOURCES main.c USES hub_jobs) makes an executable and installs it.
function(add_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE build_flags ${ARG_USES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    install(TARGETS ${name})
endfunction()

# add_unit_test(test_str common) builds test_str.c of a folder below tests/unit and registers it.
# What follows the name is linked. Test and target are named after the folder too: common.test_str.
function(add_unit_test file)
    file(RELATIVE_PATH room ${PROJECT_SOURCE_DIR}/tests/unit ${CMAKE_CURRENT_SOURCE_DIR})
    string(REPLACE "/" "." name ${room}.${file})
    add_executable(${name} ${file}.c)
    target_link_libraries(${name} PRIVATE ${ARGN} cmocka)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT 1200 LABELS unit)
endfunction()

# add_fuzz_target(yaml common) builds tests/fuzz/fuzz_yaml.c. It is an ordinary test that replays
# its corpus, and with HOLDFAST_FUZZ (clang only) also a libFuzzer program.
function(add_fuzz_target name)
    add_executable(fuzz.${name} fuzz_${name}.c replay.c)
    target_link_libraries(fuzz.${name} PRIVATE ${ARGN})
    add_test(NAME fuzz.${name} COMMAND fuzz.${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 1200 LABELS fuzz)
    if(HOLDFAST_FUZZ)
        add_executable(fuzzer.${name} fuzz_${name}.c)
        target_compile_options(fuzzer.${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzzer.${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(fuzzer.${name} PRIVATE ${ARGN})
    endif()
endfunction()
