/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/keys.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/secret.h"
#include "wire/bytes.h"
#include "wire/heartbeat.h"

enum {
	KEY_SIZE = 32,
	KEY_DIGITS = 2 * KEY_SIZE,
	ID_DIGITS = 10, /* of 4294967295 */
	AT_KEY = 8,	/* in the header */
};
_Static_assert((unsigned)HEARTBEAT_TAG == crypto_auth_hmacsha256_BYTES, "the tag is the whole HMAC");

/* The key itself is not kept, only what HMAC makes of it before the first byte. */
struct key {
	uint32_t id;
	crypto_auth_hmacsha256_state begun;
};

struct keys {
	unsigned n;
	struct key list[KEYS_MAX];
};

/* ---- the file --------------------------------------------------------------------------------------------------*/

struct file {
	const char *path;
	char *text; /* of sodium_malloc: wiped when it is freed */
	size_t size;
	unsigned line;
	unsigned lines[KEYS_MAX]; /* where each key stands */
	struct keys *keys;
	char **error;
};

/* Nothing of the line goes into a sentence: where somebody mixed things up, anything may be the key. */
static int refuse_line(const struct file *f, const char *what)
{
	return secret_refuse(f->error, EINVAL, "%s:%u: %s", f->path, f->line, what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

static int check_id(const struct file *f, uint64_t id)
{
	if (id == 0 || id > UINT32_MAX)
		return refuse_line(f, "the id must be 1 … 4294967295");
	for (unsigned i = 0; i < f->keys->n; i++) {
		if (f->keys->list[i].id == id)
			return secret_refuse(f->error, EINVAL, "%s:%u: the same id as in line %u", f->path, f->line,
					     f->lines[i]);
	}
	return 0;
}

/* "ID:"; *at is behind it then. */
static int read_id(const struct file *f, const char **at, const char *end, uint32_t *id)
{
	const char *digit = *at;
	uint64_t value = 0;
	int r;

	for (; digit < end && *digit >= '0' && *digit <= '9'; digit++)
		value = digit - *at < ID_DIGITS ? value * 10 + (uint64_t)(*digit - '0') : UINT64_MAX;
	if (digit == *at || digit == end || *digit != ':')
		return refuse_line(f, "not of the form 'ID: KEY', a number and 64 hex digits");
	r = check_id(f, value);
	if (r < 0)
		return r;
	*id = (uint32_t)value;
	*at = digit + 1;
	return 0;
}

static int refuse_digit(const struct file *f, const char *digits)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	int n = 0;

	while (n < KEY_DIGITS && memchr(hex, digits[n], sizeof hex - 1))
		n++;
	return secret_refuse(f->error, EINVAL, "%s:%u: character %d of the key is no hex digit", f->path, f->line,
			     n + 1);
}

/* The digits up to the next blank; *at is behind them then. */
static int read_key(const struct file *f, const char **at, const char *end, uint8_t key[KEY_SIZE])
{
	const char *from = *at;
	size_t n;

	while (*at < end && !is_blank(**at))
		(*at)++;
	n = (size_t)(*at - from);
	if (n != KEY_DIGITS)
		return secret_refuse(f->error, EINVAL, "%s:%u: the key has %zu characters, it must have 64 hex digits",
				     f->path, f->line, n);
	if (sodium_hex2bin(key, KEY_SIZE, from, n, NULL, NULL, NULL) < 0)
		return refuse_digit(f, from);
	if (sodium_is_zero(key, KEY_SIZE))
		return refuse_line(f, "a key of zeros is none; 'standbyctl keygen' makes one");
	return 0;
}

static int read_line(struct file *f, const char *at, const char *end)
{
	uint8_t bytes[KEY_SIZE];
	uint32_t id = 0;
	int r;

	at = skip_blanks(at, end);
	if (at == end || *at == '#')
		return 0;
	if (f->keys->n == KEYS_MAX)
		return refuse_line(f, "more than 16 keys");
	r = read_id(f, &at, end, &id);
	if (r < 0)
		return r;
	at = skip_blanks(at, end);
	r = read_key(f, &at, end, bytes);
	at = skip_blanks(at, end);
	if (r == 0 && at < end && *at != '#')
		r = refuse_line(f, "something stands behind the key");
	if (r == 0) {
		f->lines[f->keys->n] = f->line;
		f->keys->list[f->keys->n].id = id;
		crypto_auth_hmacsha256_init(&f->keys->list[f->keys->n++].begun, bytes, sizeof bytes);
	}
	sodium_memzero(bytes, sizeof bytes);
	return r;
}

static int read_lines(struct file *f)
{
	const char *at = f->text, *end = f->text + f->size;
	int r = 0;

	for (f->line = 1; at < end && r == 0; f->line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		r = read_line(f, at, newline ? newline : end);
		at = newline ? newline + 1 : end;
	}
	if (r == 0 && f->keys->n == 0)
		r = secret_refuse(f->error, ENODATA, "%s: no key in it; 'standbyctl keygen' makes one", f->path);
	return r;
}

static int refuse_read(const struct file *f, int code)
{
	return secret_refuse(f->error, code, "%s: cannot read it: %s", f->path, strerror(code));
}

/* Fills f->text. No more is allocated than the file needs, since memory that can be locked is short. */
static int read_text(struct file *f, int fd)
{
	struct stat st;
	size_t room;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return refuse_read(f, errno);
	if (st.st_size > KEYS_FILE_MAX)
		return secret_refuse(f->error, EFBIG, "%s: larger than %d KiB, so no file of keys", f->path,
				     KEYS_FILE_MAX / 1024);
	room = (size_t)st.st_size + 1;
	f->text = sodium_malloc(room);
	if (!f->text)
		return refuse_read(f, ENOMEM);
	for (; f->size < room; f->size += (size_t)n) {
		n = read(fd, f->text + f->size, room - f->size);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return refuse_read(f, errno);
		else if (n == 0)
			return 0;
	}
	return secret_refuse(f->error, EAGAIN, "%s: was written while it was read", f->path);
}

static int read_file(struct file *f)
{
	int r, fd = secret_open(f->path, f->error);

	if (fd < 0)
		return fd;
	r = read_text(f, fd);
	close(fd);
	return r == 0 ? read_lines(f) : r;
}

int keys_load(const char *path, struct keys **out, char **error)
{
	struct file f = { .path = path, .error = error };
	int r;

	*out = NULL;
	*error = NULL;
	if (sodium_init() < 0)
		return secret_refuse(error, ENOSYS, "%s: cannot be used, libsodium cannot be started", path);
	f.keys = sodium_malloc(sizeof *f.keys);
	if (!f.keys)
		return refuse_read(&f, ENOMEM);
	memset(f.keys, 0, sizeof *f.keys);
	r = read_file(&f);
	sodium_free(f.text);
	if (r < 0) {
		keys_free(f.keys);
		return r;
	}
	sodium_mprotect_readonly(f.keys);
	*out = f.keys;
	return 0;
}

void keys_free(struct keys *k)
{
	sodium_free(k);
}

void keys_lock(const struct keys *k)
{
	if (k)
		mlock(k, sizeof *k);
}

unsigned keys_count(const struct keys *k)
{
	return k ? k->n : 0;
}

uint32_t keys_sending(const struct keys *k)
{
	return k ? k->list[0].id : 0;
}

/* ---- the tag ---------------------------------------------------------------------------------------------------*/

static void add_address(crypto_auth_hmacsha256_state *hmac, const struct ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (ip->family == FAMILY_4)
		crypto_auth_hmacsha256_update(hmac, mapped, sizeof mapped);
	crypto_auth_hmacsha256_update(hmac, ip->bytes, ip->family == FAMILY_4 ? 4 : 16);
}

/* Nothing that a tag could be made from stays on the stack. */
static void make_tag(const struct key *key, const struct ip *from, const struct ip *to, const uint8_t *bytes,
		     size_t length, uint8_t tag[HEARTBEAT_TAG])
{
	crypto_auth_hmacsha256_state hmac = key->begun;

	add_address(&hmac, from);
	add_address(&hmac, to);
	crypto_auth_hmacsha256_update(&hmac, bytes, length);
	crypto_auth_hmacsha256_final(&hmac, tag);
	sodium_memzero(&hmac, sizeof hmac);
}

void keys_sign(const struct keys *k, const struct ip *from, const struct ip *to, uint8_t *bytes, size_t length)
{
	assert(length >= HEARTBEAT_HEADER + HEARTBEAT_TAG && bytes_get32(bytes + AT_KEY) == k->list[0].id);
	make_tag(&k->list[0], from, to, bytes, length - HEARTBEAT_TAG, bytes + length - HEARTBEAT_TAG);
}

static const struct key *find_key(const struct keys *k, uint32_t id)
{
	for (unsigned i = 0; i < keys_count(k); i++) {
		if (k->list[i].id == id)
			return &k->list[i];
	}
	return NULL;
}

enum keys_verdict keys_verify(const struct keys *k, const struct ip *from, const struct ip *to, const uint8_t *bytes,
			      size_t length)
{
	uint32_t id = length < HEARTBEAT_HEADER ? 0 : bytes_get32(bytes + AT_KEY);
	const struct key *key = find_key(k, id);
	uint8_t tag[HEARTBEAT_TAG];
	bool right;

	if (id == 0)
		return KEYS_NONE;
	if (!key)
		return KEYS_UNKNOWN;
	if (length < HEARTBEAT_HEADER + HEARTBEAT_TAG)
		return KEYS_WRONG;
	make_tag(key, from, to, bytes, length - HEARTBEAT_TAG, tag);
	right = sodium_memcmp(tag, bytes + length - HEARTBEAT_TAG, sizeof tag) == 0;
	sodium_memzero(tag, sizeof tag);
	return right ? KEYS_RIGHT : KEYS_WRONG;
}
