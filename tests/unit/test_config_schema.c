/* SPDX-License-Identifier: GPL-2.0-or-later */
/* contrib/standbyd.schema.json is what the parser's table says, no key more and no key less, and the manual explains
 * each supported key. `test_config_schema --print` prints the schema anew. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "config/schema.h"
#include "core/types.h"

#define ADDRESS "[0-9A-Fa-f:.]+"

#define TRACK_PATTERN "^[^\\s]{1,55}$"
#define NAME_PATTERN "^[A-Za-z0-9._-]{1,31}$"

static unsigned failures;

/* Two bytes at least, and one fewer than max. */
static const char *file_pattern(const struct schema_key *key)
{
	static char text[64];
	snprintf(text, sizeof text, "^/(.{0,%u}[^/])$", (unsigned)key->max - 3);
	return text;
}

static const char *pattern_of(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_DURATION:
		return "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|min|h)$";
	case SCHEMA_NODE:
		return "^[A-Za-z0-9._-]{1,63}$";
	case SCHEMA_INTERFACE:
		return "^[^\\s/:]{1,15}$";
	case SCHEMA_PORT:
		return "^((mac|path|driver):\\S+|[^\\s/:]+)$";
	case SCHEMA_MAC:
		return "^(stable|port|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$";
	case SCHEMA_IP:
		return "^" ADDRESS "$";
	case SCHEMA_ADDRESS:
	case SCHEMA_PLACE:
		return "^" ADDRESS "(/[0-9]{1,3})?$";
	case SCHEMA_CIDR:
		return "^" ADDRESS "/[0-9]{1,3}$";
	case SCHEMA_FILE:
		return file_pattern(key);
	case SCHEMA_PASSWORD:
		return "^[ -~]{1,8}$";
	case SCHEMA_PREFIX:
		return "^" ADDRESS "(/[0-9]{1,3})?$";
	case SCHEMA_NETWORK:
		return "^(default|" ADDRESS "/[0-9]{1,3})$";
	case SCHEMA_NAME:
		return NAME_PATTERN;
	case SCHEMA_USER:
		return "^[A-Za-z_][A-Za-z0-9_.-]{0,30}$";
	case SCHEMA_UNIT:
		return "^[A-Za-z0-9:_\\\\-][A-Za-z0-9:_.@\\\\-]*\\.(service|socket|target|timer|mount|automount|swap|path|slice|scope|"
		       "device)$";
	case SCHEMA_HOST:
		return "^" ADDRESS "$";
	case SCHEMA_ENDPOINT:
		return "^([0-9.]+|\\[" ADDRESS "\\]):[0-9]{1,5}$";
	case SCHEMA_HOST_NAME:
		return "^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$";
	case SCHEMA_URL:
		return "^https?://[^\\s/?@#]+([/?][^\\s#]*)?$";
	case SCHEMA_SIZE:
		return "^[0-9]{1,12}(B|KiB|MiB|GiB)$";
	case SCHEMA_CONDITION:
		return "^(vip|bond|port|check|node):[^\\s]+( +[^\\s]+)?$";
	case SCHEMA_TEXT:
	case SCHEMA_STATUS:
	case SCHEMA_DECIMAL:
	case SCHEMA_BRIEF:
	case SCHEMA_UNREAD:
	case SCHEMA_NUMBER:
	case SCHEMA_BOOLEAN:
	case SCHEMA_CHOICE:
	case SCHEMA_OBJECT:
	case SCHEMA_NAMED:
	case SCHEMA_TRACK:
	case SCHEMA_LOWER:
	case SCHEMA_MEMBERS:
		break;
	}
	return "";
}

static json_t *by_node(json_t *value);
static json_t *object_schema(const struct schema_object *object);

static json_t *choices_schema(const struct schema_choice *choices)
{
	json_t *words = json_array();
	for (; choices->word; choices++)
		json_array_append_new(words, json_string(choices->word));
	return json_pack("{s:o}", "enum", words);
}

static json_t *named_schema(const struct schema_object *object)
{
	return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames", "pattern",
			 object == &schema_bond || object == &schema_vlan ? "^[A-Za-z0-9._-]{1,15}$"
			 : object == &schema_node			  ? "^[A-Za-z0-9._-]{1,63}$"
									  : NAME_PATTERN,
			 "additionalProperties", object_schema(object));
}

static json_t *single_schema(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_NUMBER:
		return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)key->min, "maximum",
				 (json_int_t)key->max);
	case SCHEMA_BOOLEAN:
		return json_pack("{s:s}", "type", "boolean");
	case SCHEMA_CHOICE:
		return choices_schema(key->choices);
	case SCHEMA_OBJECT:
		return object_schema(key->object);
	case SCHEMA_NAMED:
		return named_schema(key->object);
	case SCHEMA_DURATION:
	case SCHEMA_NODE:
	case SCHEMA_INTERFACE:
	case SCHEMA_PORT:
	case SCHEMA_MAC:
	case SCHEMA_IP:
	case SCHEMA_ADDRESS:
	case SCHEMA_CIDR:
	case SCHEMA_NETWORK:
	case SCHEMA_FILE:
	case SCHEMA_PREFIX:
	case SCHEMA_PASSWORD:
	case SCHEMA_NAME:
	case SCHEMA_USER:
	case SCHEMA_UNIT:
	case SCHEMA_HOST:
	case SCHEMA_ENDPOINT:
	case SCHEMA_HOST_NAME:
	case SCHEMA_URL:
	case SCHEMA_SIZE:
	case SCHEMA_CONDITION:
		return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern_of(key));
	case SCHEMA_TEXT:
		return json_pack("{s:s, s:I, s:I}", "type", "string", "minLength", (json_int_t)key->min, "maxLength",
				 (json_int_t)key->max);
	case SCHEMA_STATUS:
		return json_pack("{s:[{s:s, s:i, s:i}, {s:s, s:s}]}", "anyOf", "type", "integer", "minimum", 100, "maximum", 599,
				 "type", "string", "pattern", "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$");
	case SCHEMA_DECIMAL:
		return json_pack("{s:s}", "type", "number");
	case SCHEMA_BRIEF:
		return json_pack("{s:[o, o]}", "anyOf", single_schema(&key->object->keys[0]), object_schema(key->object));
	case SCHEMA_PLACE:
		return json_pack("{s:[{s:s, s:s}, o]}", "anyOf", "type", "string", "pattern", pattern_of(key),
				 object_schema(key->object));
	case SCHEMA_MEMBERS:
		return json_pack("{s:s, s:{s:s}, s:{s:s, s:{s:s, s:s}, s:i, s:i}}", "type", "object", "propertyNames", "pattern",
				 NAME_PATTERN, "additionalProperties", "type", "array", "items", "type", "string", "pattern",
				 NAME_PATTERN, "minItems", 1, "maxItems", (int)key->max_items);
	case SCHEMA_TRACK:
		return json_pack("{s:s, s:s}", "type", "string", "pattern", TRACK_PATTERN);
	case SCHEMA_LOWER:
		return json_pack("{s:s, s:{s:s}, s:o, s:i, s:i}", "type", "object", "propertyNames", "pattern", TRACK_PATTERN,
				 "additionalProperties",
				 by_node(json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)key->min, "maximum",
						   (json_int_t)key->max)),
				 "minProperties", 1, "maxProperties", (int)key->max_items);
	case SCHEMA_UNREAD:
		break;
	}
	return json_pack("{s:{}}", "not");
}

/* A value, or a map of values by node name. */
static json_t *by_node(json_t *value)
{
	return json_pack("{s:[O, {s:s, s:i, s:o}]}", "anyOf", value, "type", "object", "minProperties", 1,
			 "additionalProperties", value);
}

static json_t *fallback_of(const struct schema_key *key)
{
	if (key->type == SCHEMA_NUMBER)
		return json_integer(atoll(key->fallback));
	if (key->type == SCHEMA_BOOLEAN)
		return json_boolean(strcmp(key->fallback, "true") == 0);
	return json_string(key->fallback);
}

static json_t *describe(const struct schema_key *key)
{
	char text[512], min[TEXT_DURATION_SIZE], max[TEXT_DURATION_SIZE];
	if (key->support == SCHEMA_LATER)
		return json_string("not supported yet");
	if (key->support == SCHEMA_REFUSED)
		return json_string(key->why);
	if (key->type != SCHEMA_DURATION)
		return json_string(key->about);
	snprintf(text, sizeof text, "%s; %s to %s", key->about, text_duration_exact(key->min, min),
		 text_duration_exact(key->max, max));
	return json_string(text);
}

static json_t *key_schema(const struct schema_key *key)
{
	json_t *schema = single_schema(key);
	if (key->list && key->type != SCHEMA_OBJECT)
		schema = by_node(schema);
	if (key->list)
		schema = json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", schema, "minItems", 1, "maxItems",
				   (int)key->max_items);
	if (key->or_one)
		schema = json_pack("{s:[o, o]}", "anyOf", schema, single_schema(key));
	if (!key->same_on_all && key->support == SCHEMA_SUPPORTED && key->type != SCHEMA_NAMED &&
	    key->type != SCHEMA_LOWER)
		schema = by_node(schema);
	json_object_set_new(schema, "description", describe(key));
	if (key->fallback)
		json_object_set_new(schema, "default", fallback_of(key));
	return schema;
}

static json_t *object_schema(const struct schema_object *object)
{
	json_t *properties = json_object(), *required = json_array();
	for (unsigned i = 0; i < object->n_keys; i++) {
		const struct schema_key *key = &object->keys[i];
		json_object_set_new(properties, key->name, key_schema(key));
		if (key->required && object != &schema_top) /* a file in conf.d needs no version */
			json_array_append_new(required, json_string(key->name));
	}
	json_t *schema =
		json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties", properties);
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

static json_t *whole_schema(void)
{
	json_t *schema = json_pack("{s:s, s:s}", "$schema", "http://json-schema.org/draft-07/schema#", "title",
				   "standbyd.yaml, the configuration of standbyd");
	json_t *top = object_schema(&schema_top);
	json_object_update(schema, top);
	json_decref(top);
	return schema;
}

static void fail(const char *where, const char *what, const char *name)
{
	printf("%s: %s%s%s%s\n", where, what, *name ? " '" : "", name, *name ? "'" : "");
	failures++;
}

/* Where two schemas differ, so that a person sees which key it is. */
static void compare(const char *where, const json_t *table, const json_t *file)
{
	const char *key;
	json_t *value;
	if (!json_is_object(table) || !json_is_object(file)) {
		if (!json_equal(table, file))
			fail(where, "differs from the parser's table", "");
		return;
	}
	json_object_foreach((json_t *)table, key, value)
	{
		if (!json_object_get(file, key))
			fail(where, "the file lacks", key);
		else
			compare(key, value, json_object_get(file, key));
	}
	json_object_foreach((json_t *)file, key, value) if (!json_object_get(table, key))
		fail(where, "the parser's table lacks", key);
}

static void check_file(const char *source)
{
	char path[4096];
	json_error_t error;
	snprintf(path, sizeof path, "%s/contrib/standbyd.schema.json", source);
	json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *table = whole_schema();
	if (!file)
		fail(path, error.text, "");
	else
		compare("the schema", table, file);
	json_decref(file);
	json_decref(table);
}

static char *read_manual(const char *source)
{
	char path[4096], *text = NULL;
	size_t size = 0;
	snprintf(path, sizeof path, "%s/man/standbyd.yaml.5", source);
	FILE *in = fopen(path, "r");
	if (!in || getdelim(&text, &size, '\0', in) < 0)
		fail(path, "cannot be read", "");
	if (in)
		fclose(in);
	return text;
}

static void check_manual(const char *manual, const struct schema_object *object)
{
	for (unsigned i = 0; i < object->n_keys; i++) {
		const struct schema_key *key = &object->keys[i];
		char item[64];
		snprintf(item, sizeof item, "\n.It Cm %s", key->name);
		if (key->support == SCHEMA_SUPPORTED && !strstr(manual, item))
			fail("the manual", "does not explain", key->name);
	}
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		json_t *schema = whole_schema();
		json_dumpf(schema, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(schema);
		return 0;
	}
	check_file(source ? source : ".");
	char *manual = read_manual(source ? source : ".");
	const struct schema_object *const objects[] = { &schema_top,	&schema_bond,  &schema_probe,
							&schema_vlan, &schema_route, &schema_auth, &schema_vip,
							&schema_node, &schema_path, &schema_heartbeat,
							&schema_place, &schema_vip_route, &schema_rule,
							&schema_check, &schema_tcp, &schema_http, &schema_process,
							&schema_file, &schema_haproxy, &schema_ping, &schema_limits,
							&schema_hook, &schema_blocking };
	for (unsigned i = 0; manual && i < sizeof objects / sizeof objects[0]; i++)
		check_manual(manual, objects[i]);
	free(manual);
	return failures != 0;
}
