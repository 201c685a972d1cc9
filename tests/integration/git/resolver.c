// resolver: stands between the program and the resolver of libc, for its own code and for libgit2.
// The name rebinding.test is a public address the first time and this machine from then on, as a
// hostile name server would have it.
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

typedef int (*resolve_fn)(const char *node, const char *service, const struct addrinfo *hints,
                          struct addrinfo **out);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    static unsigned asked;
    resolve_fn real = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");

    memcpy(&real, &found, sizeof(real)); // ISO C has no cast from an object to a function
    if (node != NULL && strcmp(node, "rebinding.test") == 0) {
        node = asked++ == 0 ? "8.8.8.8" : "127.0.0.1";
    }
    return real(node, service, hints, out);
}
