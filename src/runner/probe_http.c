/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A URL that is answered with the right status and body. libcurl does the protocol on the event loop: it says which
 * sockets it waits for and until when, and is told what came. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "runner/probe_kind.h"
#include "runner/search.h"

enum {
	HEADER_MAX = 64 * 1024,	  /* bytes of an answer's header */
	CA_SECONDS = 60,	  /* so long a file of certificates is kept in memory */
	NEVER_SECONDS = 2 * 3600, /* longer than any run */
};

/* All HTTP probes' requests under way. */
struct http_hub {
	CURLM *requests;
	sd_event *event;
	sd_event_source *timer;
};

struct http {
	struct probe probe;
	CURL *request;
	struct curl_slist *connect_to; /* where the URL's host is replaced: the one to connect to */
	char *match;		       /* NULL: any body */
	struct search search;
	long status_min, status_max;
	char error[CURL_ERROR_SIZE];
	/* of a run */
	bool under_way;
	size_t header, body; /* bytes */
	bool found, enough;  /* the text that must be in the body; nothing more need be read */
};

/* ---- libcurl on the event loop ---- */

static void judge(struct http *, CURLcode);

/* Results are taken when libcurl has returned: it may not be called from within its own calls. */
static void settle(struct http_hub *hub)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(hub->requests, &left))) {
		struct http *http;

		if (message->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &http) == CURLE_OK)
			judge(http, message->data.result);
	}
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http_hub *hub = userdata;
	int what = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
	int running;

	(void)source;
	curl_multi_socket_action(hub->requests, fd, what, &running);
	settle(hub);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	struct http_hub *hub = userdata;
	int running;

	(void)source;
	(void)now;
	curl_multi_socket_action(hub->requests, CURL_SOCKET_TIMEOUT, 0, &running);
	settle(hub);
	return 0;
}

/* An event that cannot be had leaves its run to its timeout: an error here would be the end of all other runs too. */
static int watch_socket(CURL *request, curl_socket_t fd, int what, void *userdata, void *watched)
{
	struct http_hub *hub = userdata;
	sd_event_source *source = watched;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)request;
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(hub->requests, fd, NULL);
		sd_event_source_disable_unref(source);
	} else if (source) {
		sd_event_source_set_io_events(source, events);
	} else if (sd_event_add_io(hub->event, &source, fd, events, on_socket, hub) >= 0) {
		curl_multi_assign(hub->requests, fd, source);
	}
	return 0;
}

static int set_timer(CURLM *requests, long milliseconds, void *userdata)
{
	struct http_hub *hub = userdata;

	(void)requests;
	if (milliseconds < 0) {
		sd_event_source_set_enabled(hub->timer, SD_EVENT_OFF);
	} else {
		sd_event_source_set_time_relative(hub->timer, (uint64_t)milliseconds * 1000);
		sd_event_source_set_enabled(hub->timer, SD_EVENT_ONESHOT);
	}
	return 0;
}

void http_hub_free(struct http_hub *hub)
{
	if (!hub)
		return;
	if (hub->requests)
		curl_multi_cleanup(hub->requests);
	sd_event_source_disable_unref(hub->timer);
	curl_global_cleanup();
	free(hub);
}

static struct http_hub *http_hub_new(sd_event *event)
{
	struct http_hub *hub = calloc(1, sizeof *hub);

	if (!hub || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(hub);
		return NULL;
	}
	hub->event = event;
	hub->requests = curl_multi_init();
	if (!hub->requests ||
	    sd_event_add_time(event, &hub->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timer, hub) < 0) {
		http_hub_free(hub);
		return NULL;
	}
	curl_multi_setopt(hub->requests, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(hub->requests, CURLMOPT_SOCKETDATA, hub);
	curl_multi_setopt(hub->requests, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(hub->requests, CURLMOPT_TIMERDATA, hub);
	return hub;
}

/* ---- an answer ---- */

static long status_of(const struct http *http)
{
	long status = 0;

	curl_easy_getinfo(http->request, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_right(const struct http *http, long status)
{
	return status >= http->status_min && status <= http->status_max;
}

static size_t on_header(char *data, size_t one, size_t length, void *userdata)
{
	struct http *http = userdata;

	(void)data;
	(void)one;
	http->header += length;
	return http->header <= HEADER_MAX ? length : CURL_WRITEFUNC_ERROR;
}

static size_t on_body(char *data, size_t one, size_t length, void *userdata)
{
	struct http *http = userdata;

	(void)one;
	http->body += length;
	http->found = http->match && search_feed(&http->search, data, length);
	http->enough = http->found || http->body >= PROBE_ANSWER_MAX || !is_right(http, status_of(http));
	return http->enough ? CURL_WRITEFUNC_ERROR : length;
}

static void judge_answer(struct http *http)
{
	long status = status_of(http);
	char quote[PROBE_QUOTE_SIZE];

	if (!is_right(http, status))
		probe_end(&http->probe, false, "status %ld, not %ld-%ld", status, http->status_min, http->status_max);
	else if (!http->match || http->found)
		probe_end(&http->probe, true, "status %ld", status);
	else
		probe_end(&http->probe, false, "status %ld, but %s does not have %s", status,
			  http->enough ? "the first 1 MiB of the body" : "the body", probe_quote(http->match, quote));
}

static void judge(struct http *http, CURLcode code)
{
	long error = 0;

	curl_easy_getinfo(http->request, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_OK || http->enough)
		judge_answer(http);
	else if (http->header > HEADER_MAX)
		probe_end(&http->probe, false, "the answer's header is longer than %d KiB", HEADER_MAX / 1024);
	else if (code == CURLE_COULDNT_CONNECT && error != 0)
		probe_fail(&http->probe, (int)error);
	else
		probe_end(&http->probe, false, "%s", http->error[0] ? http->error : curl_easy_strerror(code));
}

/* ---- a request ---- */

/* Commands that are run meanwhile do not get it. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)userdata;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The URL asks for another host than the one to connect to. 0, -EBADMSG, -ENOMEM. */
static int replace_host(struct http *http, CURLU *url, const char *host)
{
	char *target = NULL, *port = NULL, *place = NULL;
	int r = -EBADMSG;

	if (curl_url_get(url, CURLUPART_HOST, &target, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    curl_url_set(url, CURLUPART_HOST, host, 0) != CURLUE_OK)
		goto out;
	r = -ENOMEM;
	if (asprintf(&place, "::%s:%s", target, port) < 0)
		goto out;
	http->connect_to = curl_slist_append(NULL, place);
	free(place);
	if (http->connect_to && curl_easy_setopt(http->request, CURLOPT_CONNECT_TO, http->connect_to) == CURLE_OK)
		r = 0;
out:
	curl_free(target);
	curl_free(port);
	return r;
}

/* A name is looked up by a thread of libcurl's; one that was built without cannot ask for names, since it would wait.
 */
static bool needs_no_waiting(CURLU *url)
{
	unsigned char bytes[16];
	char *host = NULL;
	bool fine = curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS;

	if (!fine && curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		fine = host[0] == '[' || inet_pton(AF_INET, host, bytes) == 1;
	curl_free(host);
	return fine;
}

static int set_url(struct http *http, const char *text, const char *host)
{
	CURLU *url = curl_url();
	char *whole = NULL;
	int r = -EBADMSG;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK || !needs_no_waiting(url))
		goto out;
	if (host && (r = replace_host(http, url, host)) < 0)
		goto out;
	r = -ENOMEM;
	if (curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
	    curl_easy_setopt(http->request, CURLOPT_URL, whole) == CURLE_OK)
		r = 0;
out:
	curl_free(whole);
	curl_url_cleanup(url);
	return r;
}

/* Whom to trust. A directory of certificates is left out where there is a file: libcurl keeps only a file in memory,
 * and a handshake that reads all of them takes long. */
static bool set_trust(CURL *request, const char *ca_file, bool insecure)
{
	const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);

	return (!ca_file || curl_easy_setopt(request, CURLOPT_CAINFO, ca_file) == CURLE_OK) &&
	       ((!ca_file && !version->cainfo) || curl_easy_setopt(request, CURLOPT_CAPATH, NULL) == CURLE_OK) &&
	       curl_easy_setopt(request, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L) == CURLE_OK;
}

/* Each run begins from nothing: a connection or TLS session of before says nothing of who would connect now. What the
 * environment says of proxies and the home directory of passwords is not heeded. */
static bool set_manner(struct http *http, bool head)
{
	CURL *request = http->request;

	curl_easy_setopt(request, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_SECONDS); /* some TLS libraries have none */
	return curl_easy_setopt(request, CURLOPT_PRIVATE, http) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_USERAGENT, "standbyd/" STANDBYD_VERSION) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_CONNECTTIMEOUT, (long)NEVER_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_QUICK_EXIT, 1L) ==
		       CURLE_OK && /* does not wait for a look-up's thread */
	       curl_easy_setopt(request, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_ERRORBUFFER, http->error) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_HEADERDATA, http) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_WRITEDATA, http) == CURLE_OK &&
	       curl_easy_setopt(request, CURLOPT_NOBODY, head ? 1L : 0L) == CURLE_OK;
}

static int make_request(struct http *http, const json_t *definition, bool head)
{
	const json_t *insecure = json_object_get(definition, "insecure");
	char *url = NULL, *host = NULL, *ca_file = NULL;
	int r;

	if ((r = probe_take_text(definition, "url", true, &url)) < 0 ||
	    (r = probe_take_text(definition, "host", false, &host)) < 0 ||
	    (r = probe_take_text(definition, "ca_file", false, &ca_file)) < 0)
		goto out;
	r = -EBADMSG;
	if (!json_is_boolean(insecure))
		goto out;
	r = -ENOMEM;
	if (!set_manner(http, head) || !set_trust(http->request, ca_file, json_is_true(insecure)))
		goto out;
	r = set_url(http, url, host);
out:
	free(url);
	free(host);
	free(ca_file);
	return r;
}

static int http_open(struct probe *probe, const json_t *definition)
{
	struct http *http = (struct http *)probe;
	const char *method = json_string_value(json_object_get(definition, "method"));
	json_int_t min, max;
	int r;

	if (!method || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
		return -EBADMSG;
	if ((r = probe_take_integer(definition, "status_min", 100, 599, &min)) < 0 ||
	    (r = probe_take_integer(definition, "status_max", min, 599, &max)) < 0 ||
	    (r = probe_take_text(definition, "match", false, &http->match)) < 0 ||
	    (r = http->match ? search_set(&http->search, http->match) : 0) < 0)
		return r;
	http->status_min = (long)min;
	http->status_max = (long)max;
	if (!probe->probes->http && !(probe->probes->http = http_hub_new(probe->probes->event)))
		return -ENOMEM;
	http->request = curl_easy_init();
	return http->request ? make_request(http, definition, strcmp(method, "HEAD") == 0) : -ENOMEM;
}

static void http_run(struct probe *probe)
{
	struct http *http = (struct http *)probe;

	http->header = http->body = 0;
	http->found = http->enough = false;
	http->error[0] = '\0';
	search_begin(&http->search);
	CURLMcode code = curl_multi_add_handle(probe->probes->http->requests, http->request);
	http->under_way = code == CURLM_OK;
	if (!http->under_way)
		probe_end(probe, false, "%s", curl_multi_strerror(code));
}

static void http_stop(struct probe *probe)
{
	struct http *http = (struct http *)probe;

	if (http->under_way)
		curl_multi_remove_handle(probe->probes->http->requests, http->request);
	http->under_way = false;
}

static void http_close(struct probe *probe)
{
	struct http *http = (struct http *)probe;

	if (http->request)
		curl_easy_cleanup(http->request);
	curl_slist_free_all(http->connect_to);
	search_free(&http->search);
	free(http->match);
}

const struct probe_verbs probe_http = {
	.size = sizeof(struct http),
	.open = http_open,
	.run = http_run,
	.stop = http_stop,
	.close = http_close,
};
