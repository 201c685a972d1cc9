# The libraries we build on, each used by one folder only (tests/lint/layers.py checks it).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)                                        # common/tls
find_package(CURL REQUIRED)                                               # common/http
find_package(SQLite3 REQUIRED)                                            # hub/store
find_package(ZLIB REQUIRED)                                               # hub/ctl
find_package(nng REQUIRED)                                                # common/net
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)                 # common
pkg_check_modules(GIT2 REQUIRED IMPORTED_TARGET libgit2)                  # hub/repo
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)            # hub/repo
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)      # hub/api
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)      # proto
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)                  # proto
find_program(PROTOC_C protoc-c REQUIRED)
