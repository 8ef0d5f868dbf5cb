/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and tags of heartbeats: which files are taken, what a refusal says, and what a tag is worth. Whom a file belongs
 * to is what the wrapped fstat says, so that nobody has to be root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "daemon/keys.h"
#include "wire/heartbeat.h"

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "c8cfd6dde4ebf2f900070e151c232a31383f464d545b626970777e858c939aa1"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

enum { OTHER_USER = 4711 };

static char top[PATH_MAX]; /* where the programs are */
static char dir[] = "/tmp/test_keys.XXXXXX";
static char file[PATH_MAX];

/* ---- what is wrapped ---- */

static ino_t others; /* this inode belongs to OTHER_USER */
static int fail_at;  /* the how manyth allocation fails; 0: none */

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
	int r = __real_fstat(fd, st);

	if (r == 0 && others && st->st_ino == others)
		st->st_uid = OTHER_USER;
	return r;
}

void *__real_sodium_malloc(size_t);
void *__wrap_sodium_malloc(size_t);
void *__wrap_sodium_malloc(size_t size)
{
	return fail_at && --fail_at == 0 ? NULL : __real_sodium_malloc(size);
}

static void belongs_to_other(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	others = st.st_ino;
}

/* ---- files ---- */

static void write_bytes(const void *bytes, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void write_file(const char *text)
{
	write_bytes(text, strlen(text));
}

/* In the directory of this run; one of two buffers in turn. */
static const char *in_dir(const char *name)
{
	static char out[2][PATH_MAX];
	static unsigned turn;

	turn ^= 1;
	snprintf(out[turn], sizeof out[turn], "%s/%s", dir, name);
	return out[turn];
}

static struct keys *load(const char *path)
{
	struct keys *keys = NULL;
	char *error = NULL;

	if (keys_load(path, &keys, &error) != 0)
		fail_msg("refused: %s", error);
	assert_non_null(keys);
	assert_null(error);
	return keys;
}

static struct keys *load_text(const char *text)
{
	write_file(text);
	return load(file);
}

/* No six digits of either key in a row. */
static void check_secret(const char *error)
{
	static const char *const keys[] = { KEY_1, KEY_2 };
	char part[7] = "";

	for (size_t i = 0; i < 2; i++) {
		for (size_t at = 0; at + 6 <= strlen(keys[i]); at++) {
			memcpy(part, keys[i] + at, 6);
			if (strcasestr(error, part))
				fail_msg("'%s' says '%s'", error, part);
		}
	}
}

/* wanted: what stands behind the path. */
static void check_refused(const char *path, int code, const char *wanted)
{
	struct keys *keys = (void *)&dir;
	char *error = NULL, whole[2 * PATH_MAX];

	snprintf(whole, sizeof whole, "%s%s", path, wanted);
	assert_int_equal(keys_load(path, &keys, &error), -code);
	assert_null(keys);
	assert_non_null(error);
	assert_string_equal(error, whole);
	check_secret(error);
	free(error);
}

static void check_text_refused(const char *text, int code, const char *wanted)
{
	write_file(text);
	check_refused(file, code, wanted);
}

static int prepare(void **state)
{
	(void)state;
	umask(022);
	return getcwd(top, sizeof top) && mkdtemp(dir) && snprintf(file, sizeof file, "%s/cluster.key", dir) > 0 ? 0
														 : -1;
}

static int clean(void **state)
{
	static const char *const names[] = {
		"cluster.key", "link", "loop", "pipe", "open/inner/link", "open/inner/cluster.key",
		"open/inner",  "open", ""
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		remove(in_dir(names[i]));
	return access(dir, F_OK) == 0 ? -1 : 0; /* something is left */
}

/* What a test changed, back to one good file; after one that failed too. */
static int again(void **state)
{
	(void)state;
	others = 0;
	fail_at = 0;
	if (chdir(top) < 0)
		return -1;
	clean(NULL);
	if (mkdir(dir, 0700) < 0)
		return -1;
	write_file("1: " KEY_1 "\n");
	return 0;
}

/* ---- what is taken ---- */

static void takes_forms(void **state)
{
	static const struct {
		const char *text;
		unsigned count;
		uint32_t sending;
	} cases[] = {
		{ "1: " KEY_1 "\n", 1, 1 },
		{ "1: " KEY_1, 1, 1 },
		{ "4294967295:" KEY_1 "\n", 1, 4294967295U },
		{ "\t 007: \t" KEY_2 " \t\n", 1, 7 },
		{ "# our keys\n\n \t\n  # more\n12: " KEY_2 "\n1: " KEY_1 " # the old one\n", 2, 12 },
		{ "5: ABCDEFabcdef0123456789ABCDEFabcdef0123456789ABCDEFabcdef01234567\n", 1, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct keys *keys = load_text(cases[i].text);

		assert_int_equal(keys_count(keys), cases[i].count);
		assert_int_equal(keys_sending(keys), cases[i].sending);
		keys_free(keys);
	}
}

static char *many_keys(unsigned n)
{
	char *text = calloc(n, 80), *at = text;

	assert_non_null(text);
	for (unsigned i = 1; i <= n; i++)
		at += sprintf(at, "%u: %s\n", 100 + i, KEY_2);
	return text;
}

static void takes_sixteen(void **state)
{
	char *text = many_keys(KEYS_MAX);
	struct keys *keys = load_text(text);

	(void)state;
	assert_int_equal(keys_count(keys), 16);
	assert_int_equal(keys_sending(keys), 101);
	keys_free(keys);
	free(text);
}

static void takes_up_to_64_kib(void **state)
{
	char *text = malloc(KEYS_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', KEYS_FILE_MAX + 1);
	memcpy(text, "1: " KEY_1 "\n", 68);
	write_bytes(text, KEYS_FILE_MAX);
	keys_free(load(file));
	write_bytes(text, KEYS_FILE_MAX + 1);
	free(text);
	check_refused(file, EFBIG, ": larger than 64 KiB, so no file of keys");
}

static void no_keys_at_all(void **state)
{
	uint8_t bytes[HEARTBEAT_HEADER + HEARTBEAT_TAG] = { [11] = 1 };
	struct ip ip = { FAMILY_4, { 192, 0, 2, 1 } };

	(void)state;
	assert_int_equal(keys_count(NULL), 0);
	assert_int_equal(keys_sending(NULL), 0);
	assert_int_equal(keys_verify(NULL, &ip, &ip, bytes, sizeof bytes), KEYS_UNKNOWN);
	bytes[11] = 0;
	assert_int_equal(keys_verify(NULL, &ip, &ip, bytes, sizeof bytes), KEYS_NONE);
	keys_free(NULL);
}

/* ---- what is refused for its text ---- */

#define FORM  "not of the form 'ID: KEY', a number and 64 hex digits"
#define RANGE "the id must be 1 … 4294967295"

static void refuses_text(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *wanted;
	} cases[] = {
		{ "", ENODATA, ": no key in it; 'standbyctl keygen' makes one" },
		{ "# 1: " KEY_1 "\n\n", ENODATA, ": no key in it; 'standbyctl keygen' makes one" },
		{ "0: " KEY_1 "\n", EINVAL, ":1: " RANGE },
		{ "00000000000: " KEY_1 "\n", EINVAL, ":1: " RANGE },
		{ "\n4294967296: " KEY_1 "\n", EINVAL, ":2: " RANGE },
		{ "18446744073709551617: " KEY_1 "\n", EINVAL, ":1: " RANGE },
		{ KEY_1 "\n", EINVAL, ":1: " FORM },
		{ KEY_1 ": 1\n", EINVAL, ":1: " FORM },
		{ "1 " KEY_1 "\n", EINVAL, ":1: " FORM },
		{ "1", EINVAL, ":1: " FORM },
		{ "-1: " KEY_1 "\n", EINVAL, ":1: " FORM },
		{ "+1: " KEY_1 "\n", EINVAL, ":1: " FORM },
		{ "0x1: " KEY_1 "\n", EINVAL, ":1: " FORM },
		{ "\xef\xbb\xbf"
		  "1: " KEY_1 "\n",
		  EINVAL, ":1: " FORM },
		{ "1:\n", EINVAL, ":1: the key has 0 characters, it must have 64 hex digits" },
		{ "1: # later\n", EINVAL, ":1: the key has 1 characters, it must have 64 hex digits" },
		{ "1: " KEY_1 "0\n", EINVAL, ":1: the key has 65 characters, it must have 64 hex digits" },
		{ "1: " KEY_1 "\r\n", EINVAL, ":1: the key has 65 characters, it must have 64 hex digits" },
		{ "1: " KEY_1 "#\n", EINVAL, ":1: the key has 65 characters, it must have 64 hex digits" },
		{ "2: " KEY_2 "\n\n1: 00010203\n", EINVAL, ":3: the key has 8 characters, it must have 64 hex digits" },
		{ "1: 00010203 0405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", EINVAL,
		  ":1: the key has 8 characters, it must have 64 hex digits" },
		{ "1: g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", EINVAL,
		  ":1: character 1 of the key is no hex digit" },
		{ "1: 0001020x0405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", EINVAL,
		  ":1: character 8 of the key is no hex digit" },
		{ "1: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1:\n", EINVAL,
		  ":1: character 64 of the key is no hex digit" },
		{ "1: " ZEROS "\n", EINVAL, ":1: a key of zeros is none; 'standbyctl keygen' makes one" },
		{ "1: " KEY_1 " " KEY_2 "\n", EINVAL, ":1: something stands behind the key" },
		{ "7: " KEY_1 "\n# old:\n7: " KEY_2 "\n", EINVAL, ":3: the same id as in line 1" },
		{ "#\n7: " KEY_1 "\n8: " KEY_2 "\n007: " KEY_2 "\n", EINVAL, ":4: the same id as in line 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_text_refused(cases[i].text, cases[i].code, cases[i].wanted);
}

static void refuses_seventeen(void **state)
{
	char *text = many_keys(KEYS_MAX + 1);

	(void)state;
	check_text_refused(text, EINVAL, ":17: more than 16 keys");
	free(text);
}

static void refuses_nul(void **state)
{
	static const char text[] = "1: 0\0"
				   "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\0";

	(void)state;
	write_bytes(text, sizeof text - 2);
	check_refused(file, EINVAL, ":1: character 2 of the key is no hex digit");
	write_bytes("\0\n", 2);
	check_refused(file, EINVAL, ":1: " FORM);
}

/* Whatever is wrong with a file, what is said of it is nothing of the keys. */
static void check_damaged(const char *text, size_t n)
{
	struct keys *keys;
	char *error;

	write_bytes(text, n);
	if (keys_load(file, &keys, &error) < 0) {
		assert_non_null(error);
		assert_null(keys);
		check_secret(error);
		free(error);
		return;
	}
	keys_free(keys);
}

static void damage_tells_nothing(void **state)
{
	static const char good[] = "1: " KEY_1 "\n2: " KEY_2 "\n", bad[] = "0 :#\nx";
	char text[sizeof good];

	(void)state;
	for (size_t at = 0; at < sizeof good - 1; at++) {
		for (size_t i = 0; i < sizeof bad; i++) {
			memcpy(text, good, sizeof good);
			text[at] = bad[i];
			check_damaged(text, sizeof good - 1);
		}
		check_damaged(good, at);
		check_damaged(good + at, sizeof good - 1 - at);
	}
}

/* ---- what is refused for what it is, or where it is ---- */

static void refuses_modes(void **state)
{
	char wanted[128];

	(void)state;
	for (mode_t bit = 01; bit <= 040; bit <<= 1) {
		assert_int_equal(chmod(file, 0600 | bit), 0);
		snprintf(wanted, sizeof wanted,
			 ": not secret, others than its owner may use it (mode %04o); chmod 600 it", 0600 | bit);
		check_refused(file, EPERM, wanted);
	}
	for (mode_t mode = 0400; mode <= 0700; mode += 0100) {
		assert_int_equal(chmod(file, mode), 0);
		keys_free(load(file));
	}
}

static void refuses_others_file(void **state)
{
	(void)state;
	belongs_to_other(file);
	check_refused(file, EPERM, ": belongs to user 4711, neither to root nor to the user that standbyd runs as");
}

static void refuses_what_is_no_file(void **state)
{
	char slash[PATH_MAX + 1], name[NAME_MAX + 2];

	(void)state;
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	check_refused(in_dir("pipe"), EINVAL, ": not a regular file"); /* and does not wait for a writer */
	check_refused("/dev/null", EINVAL, ": not a regular file");
	check_refused(dir, EISDIR, ": not a regular file");
	check_refused("/", EISDIR, ": not a regular file");
	check_refused("", ENOENT, ": cannot open it: No such file or directory");
	check_refused(in_dir("none"), ENOENT, ": cannot open it: No such file or directory");
	check_refused(in_dir("none/cluster.key"), ENOENT, ": cannot open it: No such file or directory");
	snprintf(slash, sizeof slash, "%s/", file);
	check_refused(slash, ENOTDIR, ": cannot open it: Not a directory");
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	check_refused(in_dir(name), ENAMETOOLONG, ": cannot open it: File name too long");
	memset(slash, '/', sizeof slash);
	slash[PATH_MAX] = '\0';
	check_refused(slash, ENAMETOOLONG, ": cannot open it: File name too long");
}

static void move_inner(void)
{
	assert_int_equal(mkdir(in_dir("open"), 0755), 0);
	assert_int_equal(mkdir(in_dir("open/inner"), 0755), 0);
	assert_int_equal(rename(file, in_dir("open/inner/cluster.key")), 0);
}

static void refuses_directories_others_write(void **state)
{
	static const mode_t modes[] = { 0777, 0775, 0757, 0720, 0702 };
	char wanted[PATH_MAX + 128];

	(void)state;
	move_inner();
	keys_free(load(in_dir("open/inner/cluster.key")));
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		assert_int_equal(chmod(in_dir("open"), modes[i]), 0);
		snprintf(wanted, sizeof wanted, ": others may replace it, since they may write %s/open (mode %04o)",
			 dir, modes[i]);
		check_refused(in_dir("open/inner/cluster.key"), EPERM, wanted);
		assert_int_equal(chmod(in_dir("open"), modes[i] | S_ISVTX), 0);
		keys_free(load(in_dir("open/inner/cluster.key")));
	}
}

static void refuses_others_directory(void **state)
{
	char wanted[PATH_MAX + 128];

	(void)state;
	move_inner();
	belongs_to_other(in_dir("open"));
	snprintf(wanted, sizeof wanted, ": user 4711 may replace it, to whom %s/open belongs", dir);
	check_refused(in_dir("open/inner/cluster.key"), EPERM, wanted);
	check_refused(in_dir("open/inner/../inner/cluster.key"), EPERM, wanted);
}

static void follows_good_links(void **state)
{
	char path[PATH_MAX + 64];

	(void)state;
	move_inner();
	assert_int_equal(symlink("../inner/cluster.key", in_dir("open/inner/link")), 0);
	snprintf(path, sizeof path, "%s/open//inner/./link", dir);
	assert_int_equal(symlink(path, in_dir("link")), 0);
	keys_free(load(in_dir("link")));
	keys_free(load(in_dir("open/inner/link")));
	unlink(in_dir("link"));
	assert_int_equal(symlink("open/inner", in_dir("link")), 0);
	keys_free(load(in_dir("link/cluster.key")));
}

static void refuses_bad_links(void **state)
{
	char wanted[PATH_MAX + 128];

	(void)state;
	move_inner();
	assert_int_equal(symlink("open/inner/cluster.key", in_dir("link")), 0);
	belongs_to_other(in_dir("link"));
	check_refused(in_dir("link"), EPERM, ": user 4711 may replace it, to whom the symbolic link link belongs");
	others = 0;
	assert_int_equal(chmod(in_dir("open/inner/cluster.key"), 0640), 0);
	check_refused(in_dir("link"), EPERM,
		      ": not secret, others than its owner may use it (mode 0640); chmod 600 it");
	assert_int_equal(chmod(in_dir("open/inner/cluster.key"), 0600), 0);
	assert_int_equal(chmod(in_dir("open"), 0777), 0);
	snprintf(wanted, sizeof wanted, ": others may replace it, since they may write %s/open (mode 0777)", dir);
	check_refused(in_dir("link"), EPERM, wanted);
	assert_int_equal(symlink("loop", in_dir("loop")), 0);
	check_refused(in_dir("loop"), ELOOP, ": cannot open it: Too many levels of symbolic links");
	unlink(in_dir("link"));
	assert_int_equal(symlink("/dev/null", in_dir("link")), 0);
	check_refused(in_dir("link"), EINVAL, ": not a regular file");
	unlink(in_dir("link"));
	assert_int_equal(symlink("nowhere", in_dir("link")), 0);
	check_refused(in_dir("link"), ENOENT, ": cannot open it: No such file or directory");
}

static void relative_paths(void **state)
{
	char wanted[PATH_MAX + 128];

	(void)state;
	move_inner();
	assert_int_equal(chdir(in_dir("open/inner")), 0);
	keys_free(load("cluster.key"));
	keys_free(load("../inner/cluster.key"));
	belongs_to_other(in_dir("open"));
	snprintf(wanted, sizeof wanted, ": user 4711 may replace it, to whom %s/open belongs", dir);
	check_refused("cluster.key", EPERM, wanted);
}

/* ---- memory ---- */

static void without_memory(void **state)
{
	(void)state;
	for (int n = 1; n <= 2; n++) {
		fail_at = n;
		check_refused(file, ENOMEM, ": cannot read it: Cannot allocate memory");
	}
	fail_at = 3;
	keys_free(load(file));
	assert_int_equal(fail_at, 1); /* there is no third */
}

/* The flags of the mapping in which an address is. */
static void read_flags(const void *address, char flags[256])
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	char line[512];
	bool here = false, found = false;

	assert_non_null(maps);
	while (!found && fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)address >= from && (uintptr_t)address < to;
		else if (here)
			found = sscanf(line, "VmFlags: %255[^\n]", flags) == 1;
	}
	fclose(maps);
	assert_true(found);
}

/* Not with a limit of nothing, nor under sanitizers, which leave mlock out. */
static bool can_lock(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char flags[256] = "";

	assert_ptr_not_equal(page, MAP_FAILED);
	if (mlock(page, size) == 0)
		read_flags(page, flags);
	munmap(page, size);
	return strstr(flags, "lo") != NULL;
}

static void memory_is_secret(void **state)
{
	struct keys *keys = load(file);
	char flags[256];

	(void)state;
	read_flags(keys, flags);
	if (!strstr(flags, "dd") || strstr(flags, "wr"))
		fail_msg("in cores, or can be written: %s", flags);
	if (!can_lock())
		print_message("this process can lock no memory: whether keys are locked is not looked at\n");
	else if (!strstr(flags, "lo"))
		fail_msg("not locked: %s", flags);
	keys_free(keys);
}

/* ---- tags ---- */

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(text_parse_ip(text, &ip), 0);
	return ip;
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
	return n;
}

/* Made with Python's hmac module: hmac.new(key, from + to + datagram, hashlib.sha256).hexdigest(), the addresses as 16
 * bytes each (IPv4: bytes(10) + b'\xff\xff' + inet_pton). The third datagram is 1,168 bytes long before its tag, with
 * an item of unknown type 99 whose bytes count up from 0. */
static const struct vector {
	const char *keys, *from, *to, *datagram;
	size_t filled; /* so many more bytes that count up */
	const char *tag;
} vectors[] = {
	{ "1: " KEY_1 "\n", "192.0.2.1", "192.0.2.2",
	  "534248420100006400000001000186a003000000112233445566778899aabbccddeeff"
	  "00187b127b574380000123456789abcdef00000000"
	  "000100036c62310002000161",
	  0, "a3d9f9179fd7702b9010550b8ffb3ba192b310d6fa1203c0fb8e036d5ba40ca9" },
	{ "4294967295: " KEY_2 "\n", "2001:db8::1", "fe80::2:3",
	  "5342484201000064ffffffff000186a003000000112233445566778899aabbccddeeff"
	  "00187b127b574380000123456789abcdef00000000"
	  "000100036c62310002000161",
	  0, "888319962a02cfdaf9e9ae5dd425883a31e1390d8a384b8c463b2e1a8fee8130" },
	{ "1: " KEY_1 "\n", "192.0.2.1", "192.0.2.2",
	  "53424842010004b000000001000186a003000000112233445566778899aabbccddeeff"
	  "00187b127b574380000123456789abcdef00000000"
	  "000100036c6231000200016100630448",
	  1096, "b9caa80b97efa0e64beb70138cf98772633d50318777fd791e0b36d8121d0fe9" },
};

static void check_vector(const struct vector *v)
{
	struct keys *keys = load_text(v->keys);
	struct ip from = ip_of(v->from), to = ip_of(v->to);
	uint8_t bytes[HEARTBEAT_MAX], before[HEARTBEAT_MAX], tag[HEARTBEAT_TAG];
	size_t n = unhex(v->datagram, bytes);

	for (size_t i = 0; i < v->filled; i++)
		bytes[n++] = (uint8_t)i;
	assert_int_equal(bytes[6] << 8 | bytes[7], n + HEARTBEAT_TAG);
	memset(bytes + n, 0, HEARTBEAT_TAG);
	memcpy(before, bytes, n);
	assert_int_equal(unhex(v->tag, tag), sizeof tag);
	keys_sign(keys, &from, &to, bytes, n + HEARTBEAT_TAG);
	assert_memory_equal(bytes, before, n);
	assert_memory_equal(bytes + n, tag, sizeof tag);
	assert_int_equal(keys_verify(keys, &from, &to, bytes, n + HEARTBEAT_TAG), KEYS_RIGHT);
	keys_free(keys);
}

static void tags_of_another_maker(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		check_vector(&vectors[i]);
}

/* A datagram with everything in it, signed. */
static size_t make(const struct keys *keys, const struct ip *from, const struct ip *to, uint8_t bytes[HEARTBEAT_MAX])
{
	struct heartbeat message = { .key = keys_sending(keys),
				     .interval_us = 100000,
				     .lost = 3,
				     .incarnation = 77,
				     .to = 88,
				     .sequence = 99,
				     .digest = 11,
				     .node = "lb1",
				     .path = "a",
				     .software = "0.1.0",
				     .n_heard = 1,
				     .heard = { { 5, 6 } },
				     .n_vips = 1 };
	struct heartbeat_claim claim = {
		.vip = 1234, .state = VIP_ACTIVE, .verdict = LAN_GOOD, .able = true, .health = 255, .priority = 100
	};
	size_t n = heartbeat_begin(bytes, HEARTBEAT_MAX, &message);

	assert_true(n > 0);
	assert_true(heartbeat_put_claim(bytes, HEARTBEAT_MAX, &n, &claim));
	n = heartbeat_finish(bytes, n);
	assert_int_equal(heartbeat_decode(bytes, n, &message), HEARTBEAT_GOOD);
	keys_sign(keys, from, to, bytes, n);
	return n;
}

/* In memory of its own that ends with it. */
static enum keys_verdict verify_alone(const struct keys *keys, const struct ip *from, const struct ip *to,
				      const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum keys_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	verdict = keys_verify(keys, from, to, copy, n);
	free(copy);
	return verdict;
}

/* The ids are 5, which is sent, and 4: a changed bit of the id names the other key, or none. */
#define TWO_KEYS "5: " KEY_1 "\n4: " KEY_2 "\n"

static enum keys_verdict wanted_of_bit(size_t bit)
{
	return bit / 8 < 8 || bit / 8 > 11 || bit == 8 * 11 ? KEYS_WRONG : KEYS_UNKNOWN;
}

static void every_bit_counts(void **state)
{
	struct keys *keys = load_text(TWO_KEYS);
	struct ip from = ip_of("192.0.2.1"), to = ip_of("192.0.2.2");
	uint8_t bytes[HEARTBEAT_MAX];
	size_t n = make(keys, &from, &to, bytes);

	(void)state;
	for (size_t bit = 0; bit < 8 * n; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (keys_verify(keys, &from, &to, bytes, n) != wanted_of_bit(bit))
			fail_msg("bit %zu of byte %zu: verdict %d", bit % 8, bit / 8,
				 keys_verify(keys, &from, &to, bytes, n));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(keys_verify(keys, &from, &to, bytes, n), KEYS_RIGHT);
	keys_free(keys);
}

static void check_addresses(const struct keys *keys, const char *a, const char *b)
{
	struct ip ips[2] = { ip_of(a), ip_of(b) };
	uint8_t bytes[HEARTBEAT_MAX];
	size_t n = make(keys, &ips[0], &ips[1], bytes);

	for (unsigned bit = 0; bit < 8 * ip_size(ips[0].family); bit++) {
		for (unsigned i = 0; i < 2; i++) {
			ips[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(keys_verify(keys, &ips[0], &ips[1], bytes, n), KEYS_WRONG);
			ips[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_int_equal(keys_verify(keys, &ips[1], &ips[0], bytes, n), KEYS_WRONG);
	assert_int_equal(keys_verify(keys, &ips[0], &ips[1], bytes, n), KEYS_RIGHT);
}

static void addresses_count(void **state)
{
	struct keys *keys = load_text(TWO_KEYS);

	(void)state;
	check_addresses(keys, "192.0.2.1", "192.0.2.2");
	check_addresses(keys, "2001:db8::1", "2001:db8::2");
	keys_free(keys);
}

static void lengths_count(void **state)
{
	struct keys *keys = load_text(TWO_KEYS);
	struct ip from = ip_of("2001:db8::1"), to = ip_of("2001:db8::2");
	uint8_t bytes[HEARTBEAT_MAX] = { 0 };
	size_t n = make(keys, &from, &to, bytes);

	(void)state;
	for (size_t i = 0; i < HEARTBEAT_HEADER; i++)
		assert_int_equal(verify_alone(keys, &from, &to, bytes, i), KEYS_NONE);
	for (size_t i = HEARTBEAT_HEADER; i < n; i++)
		assert_int_equal(verify_alone(keys, &from, &to, bytes, i), KEYS_WRONG);
	assert_int_equal(verify_alone(keys, &from, &to, bytes, n), KEYS_RIGHT);
	assert_int_equal(verify_alone(keys, &from, &to, bytes, n + 1), KEYS_WRONG);
	memset(bytes + 8, 0, 4);
	assert_int_equal(verify_alone(keys, &from, &to, bytes, n), KEYS_NONE);
	keys_free(keys);
}

/* What a socket of both families says of an IPv4 address is the same address. */
static void mapped_is_ipv4(void **state)
{
	struct keys *keys = load_text(TWO_KEYS);
	struct ip from = ip_of("192.0.2.1"), to = ip_of("192.0.2.2"), from6 = ip_of("::ffff:192.0.2.1"),
		  to6 = ip_of("::ffff:192.0.2.2");
	uint8_t bytes[HEARTBEAT_MAX];
	size_t n = make(keys, &from, &to, bytes);

	(void)state;
	assert_int_equal(from6.family, FAMILY_6);
	assert_int_equal(keys_verify(keys, &from6, &to6, bytes, n), KEYS_RIGHT);
	keys_free(keys);
}

/* The same id with another secret. */
static void another_key_of_that_id(void **state)
{
	struct keys *ours = load_text("1: " KEY_1 "\n"), *theirs = load_text("1: " KEY_2 "\n");
	struct ip from = ip_of("192.0.2.1"), to = ip_of("192.0.2.2");
	uint8_t bytes[HEARTBEAT_MAX];
	size_t n = make(theirs, &from, &to, bytes);

	(void)state;
	assert_int_equal(keys_verify(ours, &from, &to, bytes, n), KEYS_WRONG);
	keys_free(ours);
	keys_free(theirs);
}

/* Two nodes may be one step apart, in either direction, and believe each other. One that skips a step is not believed.
 */
static void rotation(void **state)
{
	static const char *const steps[] = { "1: " KEY_1 "\n", "1: " KEY_1 "\n2: " KEY_2 "\n",
					     "2: " KEY_2 "\n1: " KEY_1 "\n", "2: " KEY_2 "\n" };
	struct ip from = ip_of("192.0.2.1"), to = ip_of("192.0.2.2");
	uint8_t bytes[HEARTBEAT_MAX];

	(void)state;
	for (int sender = 0; sender < 4; sender++) {
		struct keys *keys = load_text(steps[sender]);
		size_t n = make(keys, &from, &to, bytes);

		keys_free(keys);
		for (int receiver = 0; receiver < 4; receiver++) {
			bool known = sender < 2 ? receiver < 3 : receiver > 0;

			keys = load_text(steps[receiver]);
			assert_int_equal(keys_verify(keys, &from, &to, bytes, n), known ? KEYS_RIGHT : KEYS_UNKNOWN);
			keys_free(keys);
		}
	}
}

/* ---- standbyctl keygen ---- */

/* Its exit status; what it prints is in the file. */
static int keygen(const char *arguments)
{
	char line[4 * PATH_MAX];
	int status;

	snprintf(line, sizeof line, "umask 077; rm -f '%s'; '%s/standbyctl' keygen %s >'%s' 2>/dev/null", file, top,
		 arguments, file);
	status = system(line);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void read_line(char out[128])
{
	FILE *in = fopen(file, "re");

	assert_non_null(in);
	assert_non_null(fgets(out, 128, in));
	assert_int_equal(fgetc(in), EOF);
	fclose(in);
}

static void keygen_makes_files(void **state)
{
	static const struct {
		const char *arguments;
		uint32_t id;
	} cases[] = { { "", 1 }, { "7", 7 }, { "4294967295", 4294967295U }, { "010", 10 } };
	char line[2][128];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct keys *keys;

		assert_int_equal(keygen(cases[i].arguments), 0);
		keys = load(file);
		assert_int_equal(keys_count(keys), 1);
		assert_int_equal(keys_sending(keys), cases[i].id);
		keys_free(keys);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(keygen("1"), 0);
		read_line(line[i]);
		assert_int_equal(strlen(line[i]), 3 + 64 + 1);
	}
	assert_string_not_equal(line[0], line[1]);
}

static void keygen_refuses(void **state)
{
	static const char *const wrong[] = { "0",  "''",   "4294967296", "18446744073709551617", "x", "-- -1",
					     "1x", "' 1'", "1 2" };
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (keygen(wrong[i]) != 2)
			fail_msg("keygen %s was not refused", wrong[i]);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(st.st_size, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, again)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_forms),
		TEST(takes_sixteen),
		TEST(takes_up_to_64_kib),
		TEST(no_keys_at_all),
		TEST(refuses_text),
		TEST(refuses_seventeen),
		TEST(refuses_nul),
		TEST(damage_tells_nothing),
		TEST(refuses_modes),
		TEST(refuses_others_file),
		TEST(refuses_what_is_no_file),
		TEST(refuses_directories_others_write),
		TEST(refuses_others_directory),
		TEST(follows_good_links),
		TEST(refuses_bad_links),
		TEST(relative_paths),
		TEST(without_memory),
		TEST(memory_is_secret),
		TEST(tags_of_another_maker),
		TEST(every_bit_counts),
		TEST(addresses_count),
		TEST(lengths_count),
		TEST(mapped_is_ipv4),
		TEST(another_key_of_that_id),
		TEST(rotation),
		TEST(keygen_makes_files),
		TEST(keygen_refuses),
	};

	return cmocka_run_group_tests_name("keys", tests, prepare, clean);
}
