// peers: how many connections each address holds.
//
// An address of IPv6 counts with all of its /64, as everywhere in the API (cm_net_addr_origin):
// that is what one customer or one machine is given, so the server library's own limit by the whole
// address would bound nobody.
//
// Threads: any; new and free: the owner.
#pragma once

#include <stdbool.h>

struct hub_peers;

struct hub_peers *hub_peers_new(unsigned most); // connections of one address
void hub_peers_free(struct hub_peers *p);       // NULL is fine

// hub_peers_has_room tells whether this address may have one more. Two that ask at once may both be
// told so: the limit is exact to the number of threads that accept.
bool hub_peers_has_room(struct hub_peers *p, const char *address);

void hub_peers_add(struct hub_peers *p, const char *address);
void hub_peers_remove(struct hub_peers *p, const char *address); // was added
