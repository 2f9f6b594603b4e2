/* Milenage vectors by libosmocore. Arguments: "vector" prints XRES, CK and IK of the test pattern;
 * a count of keys, of vectors a key and a time in seconds print vectors per second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <osmocom/crypt/auth.h>

#define KEYS_MAX 1024

static struct osmo_sub_auth_data subscribers[KEYS_MAX];
static struct osmo_auth_vector vectors[KEYS_MAX];
static uint8_t challenge[16];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void make(int key) {
  if (osmo_auth_gen_vec(&vectors[key], &subscribers[key], challenge) < 0) exit(1);
}

static void print(const uint8_t *bytes, int count) {
  for (int i = 0; i < count; i++) printf("%02x", bytes[i]);
}

int main(int argc, char **argv) {
  for (int key = 0; key < KEYS_MAX; key++) {
    struct osmo_sub_auth_data *s = &subscribers[key];
    s->type = OSMO_AUTH_TYPE_UMTS;
    s->algo = OSMO_AUTH_ALG_MILENAGE;
    s->u.umts.ind_bitlen = 5;
    for (int i = 0; i < 16; i++) {
      s->u.umts.k[i] = (uint8_t)(i + key);
      s->u.umts.opc[i] = (uint8_t)(16 + i + key);
      challenge[i] = (uint8_t)(32 + i);
    }
  }
  if (argc < 4) {
    make(0);
    print(vectors[0].res, 8);
    print(vectors[0].ck, 16);
    print(vectors[0].ik, 16);
    return 0;
  }
  int keys = atoi(argv[1]), each = atoi(argv[2]);
  double seconds = atof(argv[3]), start = now(), elapsed = 0;
  long count = 0;
  while (elapsed < seconds) {
    for (int turn = 0; turn < 1024 / (keys * each) + 1; turn++)
      for (int key = 0; key < keys; key++)
        for (int i = 0; i < each; i++, count++) make(key);
    elapsed = now() - start;
  }
  printf("%.1f\n", count / elapsed);
  return 0;
}
