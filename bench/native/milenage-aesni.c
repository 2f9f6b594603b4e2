/* Milenage vectors by the processor's AES instructions: what the machine can do. Four subscribers
 * at once, key schedule included. Arguments as for milenage-osmocore.c; always 1,024 keys. */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS 1024
#define LANES 4
#define EACH for (int l = 0; l < LANES; l++)

struct request { uint8_t k[16], opc[16], rand[16], sqn[6], amf[2]; };
struct answer { uint8_t autn[16], xres[8], ck[16], ik[16]; };

static struct request requests[KEYS];
static struct answer answers[KEYS];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static inline __m128i next_key(__m128i key, __m128i assist) {
  assist = _mm_shuffle_epi32(assist, 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, assist);
}

#define ROUND_KEY(n, rcon) \
  EACH rk[n][l] = next_key(rk[n - 1][l], _mm_aeskeygenassist_si128(rk[n - 1][l], rcon));

/* rotate left by whole bytes: byte i of the result is byte i + n */
#define ROTATE(x, n) _mm_alignr_epi8(x, x, n)

static inline void four(const struct request *in, struct answer *out) {
  __m128i rk[11][LANES], opc[LANES], t[LANES], a[LANES], b[LANES], c[LANES], d[LANES];
  EACH rk[0][l] = _mm_loadu_si128((const __m128i *)in[l].k);
  ROUND_KEY(1, 0x01) ROUND_KEY(2, 0x02) ROUND_KEY(3, 0x04) ROUND_KEY(4, 0x08) ROUND_KEY(5, 0x10)
  ROUND_KEY(6, 0x20) ROUND_KEY(7, 0x40) ROUND_KEY(8, 0x80) ROUND_KEY(9, 0x1b) ROUND_KEY(10, 0x36)
  EACH {
    opc[l] = _mm_loadu_si128((const __m128i *)in[l].opc);
    t[l] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)in[l].rand), opc[l]);
    t[l] = _mm_xor_si128(t[l], rk[0][l]);
  }
  for (int r = 1; r < 10; r++) EACH t[l] = _mm_aesenc_si128(t[l], rk[r][l]);
  const __m128i c2 = _mm_set_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i c3 = _mm_slli_epi32(c2, 1), c4 = _mm_slli_epi32(c2, 2);
  EACH {
    t[l] = _mm_aesenclast_si128(t[l], rk[10][l]);
    __m128i in1 = _mm_loadl_epi64((const __m128i *)in[l].sqn);
    in1 = _mm_xor_si128(_mm_unpacklo_epi64(in1, in1), opc[l]);
    __m128i x = _mm_xor_si128(t[l], opc[l]);
    a[l] = _mm_xor_si128(_mm_xor_si128(t[l], ROTATE(in1, 8)), rk[0][l]);
    b[l] = _mm_xor_si128(_mm_xor_si128(x, c2), rk[0][l]);
    c[l] = _mm_xor_si128(_mm_xor_si128(ROTATE(x, 4), c3), rk[0][l]);
    d[l] = _mm_xor_si128(_mm_xor_si128(ROTATE(x, 8), c4), rk[0][l]);
  }
#define STEP(op, r)              \
  EACH {                         \
    a[l] = op(a[l], rk[r][l]);   \
    b[l] = op(b[l], rk[r][l]);   \
    c[l] = op(c[l], rk[r][l]);   \
    d[l] = op(d[l], rk[r][l]);   \
  }
  for (int r = 1; r < 10; r++) STEP(_mm_aesenc_si128, r)
  STEP(_mm_aesenclast_si128, 10)
  EACH {
    a[l] = _mm_xor_si128(a[l], opc[l]);
    b[l] = _mm_xor_si128(b[l], opc[l]);
    __m128i sqn = _mm_loadl_epi64((const __m128i *)in[l].sqn);
    __m128i ak = _mm_and_si128(b[l], _mm_set_epi64x(0, 0x0000ffffffffffffLL));
    __m128i autn = _mm_unpacklo_epi64(_mm_xor_si128(sqn, ak), a[l]);
    _mm_storeu_si128((__m128i *)out[l].autn, autn);
    _mm_storel_epi64((__m128i *)out[l].xres, _mm_srli_si128(b[l], 8));
    _mm_storeu_si128((__m128i *)out[l].ck, _mm_xor_si128(c[l], opc[l]));
    _mm_storeu_si128((__m128i *)out[l].ik, _mm_xor_si128(d[l], opc[l]));
  }
}

static void print(const uint8_t *bytes, int count) {
  for (int i = 0; i < count; i++) printf("%02x", bytes[i]);
}

int main(int argc, char **argv) {
  for (int key = 0; key < KEYS; key++)
    for (int i = 0; i < 16; i++) {
      requests[key].k[i] = (uint8_t)(i + key);
      requests[key].opc[i] = (uint8_t)(16 + i + key);
      requests[key].rand[i] = (uint8_t)(32 + i);
    }
  if (argc < 4) {
    four(requests, answers);
    print(answers[0].xres, 8);
    print(answers[0].ck, 16);
    print(answers[0].ik, 16);
    return 0;
  }
  double seconds = atof(argv[3]), start = now(), elapsed = 0;
  long count = 0;
  while (elapsed < seconds) {
    for (int turn = 0; turn < 8; turn++)
      for (int key = 0; key < KEYS; key += LANES) four(requests + key, answers + key);
    count += 8 * KEYS;
    elapsed = now() - start;
  }
  printf("%.1f\n", count / elapsed);
  return 0;
}
