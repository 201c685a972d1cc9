// replay: gives each file of the folders named on the command line to a fuzz target once, so that
// any compiler can run the corpus as an ordinary test.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak)); // as in libFuzzer

static int replay_file(const char *path) {
    static uint8_t buf[4 << 20];
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t size = fread(buf, 1, sizeof(buf), file);
    (void)fclose(file);
    return LLVMFuzzerTestOneInput(buf, size);
}

static int replay_folder(const char *folder) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (replay_file(path) != 0) {
            count = -1;
            break;
        }
        count++;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv) {
    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);

        if (count <= 0) {
            (void)fprintf(stderr, "%s: no input was replayed\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
