"""Stand-ins for SDKs that cannot be had offline: they take the calls that exported projects make."""

from __future__ import annotations

STUBS = {
    "Arduino.h": """
#pragma once
#include <stdio.h>
struct Terminal { void begin(long) {} void print(const char *text) { printf("%s", text); } };
static Terminal Serial;
static inline void delay(unsigned long) {}
""",
    "zephyr/sys/printk.h": "#pragma once\n#include <stdio.h>\n#define printk printf\n",
    "ZephyrConfig.cmake": """
project(stub C)
function(zephyr_library_named name)
  add_library(${name} STATIC)
  target_link_libraries(app PRIVATE ${name})
  set(stub_library ${name} PARENT_SCOPE)
endfunction()
macro(zephyr_library_sources)
  target_sources(${stub_library} PRIVATE ${ARGV})
endmacro()
macro(zephyr_library_sources_ifdef option)
  if(${option})
    target_sources(${stub_library} PRIVATE ${ARGN})
  endif()
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${stub_library} PRIVATE ${ARGV})
endmacro()
function(zephyr_include_directories)
  list(TRANSFORM ARGV PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  target_include_directories(app PUBLIC ${ARGV})
endfunction()
add_executable(app)
file(STRINGS ${CMAKE_SOURCE_DIR}/prj.conf lines REGEX "=y")
foreach(line ${lines})
  string(REGEX REPLACE "=y" "" option ${line})
  set(${option} ON)
endforeach()
foreach(module ${ZEPHYR_EXTRA_MODULES})
  add_subdirectory(${module} module)
endforeach()
target_include_directories(app PRIVATE ${CMAKE_CURRENT_LIST_DIR})
""",
    "tools/cmake/project.cmake": """
macro(idf_component_register)
  cmake_parse_arguments(C "" "" "SRCS;INCLUDE_DIRS" ${ARGV})
  add_library(${COMPONENT_LIB} STATIC ${C_SRCS})
  if(C_INCLUDE_DIRS)
    target_include_directories(${COMPONENT_LIB} PUBLIC ${C_INCLUDE_DIRS})
  endif()
endmacro()
enable_language(C)
set(COMPONENT_LIB component)
foreach(folder ${EXTRA_COMPONENT_DIRS})
  add_subdirectory(${folder} component)
endforeach()
set(COMPONENT_LIB main_component)
add_subdirectory(main)
target_link_libraries(main_component PUBLIC component)
add_executable(app $ENV{IDF_PATH}/start.c)
target_link_libraries(app PRIVATE main_component)
""",
    "start.c": "void app_main(void);\nint main(void)\n{\n    app_main();\n    return 0;\n}\n",
}
