// memory_fleet: a fleet repository in memory, for benches.
//
// 10,000 clusters (by default) with labels and values of their own, 50 groups, 20 Apps of six
// objects; every fourth App uses a value that no two clusters share, the others one of three. Files
// are put, then taken in by a commit.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/fleet/fleet.h"

#define GROUPS 50
#define OBJECTS 6

struct cm_map;

struct bench {
    struct hub_fleet *fleet;
    struct cm_map *blobs;
    struct hub_fleet_change *changes;
    size_t count;
    size_t capacity;
    unsigned commits;
    unsigned clusters;
    unsigned apps;
};

struct sample {
    double ms;
    size_t changed;
    size_t rendered;
};

void bench_init(struct bench *b, int argc, char **argv); // [CLUSTERS [APPS]]
void bench_done(struct bench *b);

void put_cluster(struct bench *b, unsigned i, unsigned version, const char *ring);
void put_group(struct bench *b, unsigned i, unsigned version);
void put_app(struct bench *b, unsigned i, unsigned version);
void put_manifest(struct bench *b, unsigned app, unsigned object, unsigned version);

// put adds or replaces a file; both texts are freed by it. take_away removes one.
void put(struct bench *b, char *path, char *content);
void take_away(struct bench *b, char *path);

struct sample commit(struct bench *b, bool complete); // what was put since the last one
struct sample first_load(struct bench *b);

double now_ms(void);
double resident_mib(void);
