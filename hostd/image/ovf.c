/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/ovf.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "hostd/image/manifest.h"
#include "hostd/image/qcow2.h"

/* CIM's numbers for kinds of hardware. */
enum {
    TYPE_CPU = 3,
    TYPE_MEMORY = 4,
    TYPE_IDE = 5,
    TYPE_SCSI = 6,
    TYPE_NETWORK = 10,
    TYPE_DISK = 17,
    TYPE_SATA = 20,
};

static const struct {
    guint64 type;
    const char *text;
} absent[] = {
    {14, "a floppy drive"},  {15, "a CD drive"}, {16, "a DVD drive"},  {21, "a serial port"},
    {22, "a parallel port"}, {23, "USB"},        {35, "a sound card"},
};

struct items {
    xmlNode *all[OVF_ITEMS_MAX];
    guint count;
};

struct work {
    struct ovf *ovf;
    xmlNode *root, *system;
    struct items items;
    GError **error;
};

static bool __attribute__((format(printf, 2, 3))) refuse(struct work *work, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error(work->error, IMAGE_ERROR, IMAGE_ERROR_REFUSED, "the appliance is refused: %s",
                text);
    return false;
}

static void __attribute__((format(printf, 2, 3))) note(struct work *work, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_ptr_array_add(work->ovf->notes, g_strdup_vprintf(format, values));
    va_end(values);
}

/* Namespaces differ between versions and makers; names do not. */
static bool
is_called(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The first element of that name from node on, among its siblings; NULL-safe. */
static xmlNode *
find(xmlNode *node, const char *name)
{
    while (node != NULL && !is_called(node, name)) {
        node = node->next;
    }
    return node;
}

static xmlNode *
child(xmlNode *node, const char *name)
{
    return node == NULL ? NULL : find(node->children, name);
}

/* An attribute's or element's text, "" when it is not there; g_free(). */
static char *
take_content(xmlNode *children)
{
    GString *text = g_string_new(NULL);

    for (const xmlNode *part = children; part != NULL; part = part->next) {
        if ((part->type == XML_TEXT_NODE || part->type == XML_CDATA_SECTION_NODE) &&
            part->content != NULL) {
            g_string_append(text, (const char *)part->content);
        }
    }
    return g_strstrip(g_string_free(text, FALSE));
}

static char *
attribute(const xmlNode *node, const char *name)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        if (strcmp((const char *)a->name, name) == 0) {
            return take_content(a->children);
        }
    }
    return g_strdup("");
}

static char *
child_text(xmlNode *node, const char *name)
{
    xmlNode *found = child(node, name);

    return found == NULL ? g_strdup("") : take_content(found->children);
}

static guint64
child_number(xmlNode *node, const char *name)
{
    g_autofree char *text = child_text(node, name);
    guint64 number = 0;

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &number, NULL) ? number : 0;
}

/* What may be shown to people. */
static void
show(const char *text, char to[OVF_TEXT_MAX + 1])
{
    gsize used = 0;

    for (; *text != '\0' && used < OVF_TEXT_MAX; text++) {
        if (g_ascii_isprint(*text)) {
            to[used++] = *text;
        }
    }
    to[used] = '\0';
}

/* "byte * 2^20", "MegaBytes": by how many bits a number of them is shifted; -1 for what is not
 * known. */
static int
unit_shift(const char *text)
{
    static const struct {
        const char *name;
        int shift;
    } names[] = {{"", 0},    {"byte", 0},       {"bytes", 0}, {"kilobytes", 10},
                 {"kb", 10}, {"megabytes", 20}, {"mb", 20},   {"gigabytes", 30},
                 {"gb", 30}, {"terabytes", 40}};
    g_autofree char *small = g_ascii_strdown(text, -1);
    g_auto(GStrv) parts = g_strsplit(small, " ", -1);
    g_autofree char *packed = g_strjoinv("", parts);
    guint64 power;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(packed, names[i].name) == 0) {
            return names[i].shift;
        }
    }
    if (g_str_has_prefix(packed, "byte*2^") &&
        g_ascii_string_to_unsigned(packed + strlen("byte*2^"), 10, 0, 40, &power, NULL)) {
        return (int)power;
    }
    return -1;
}

/* number << the unit's shift; 0 for what is not known or too large. */
static guint64
in_bytes(guint64 number, const char *unit)
{
    int shift = unit_shift(unit);

    return shift < 0 || number > G_MAXUINT64 >> shift ? 0 : number << shift;
}

/* The whole of a DTD is never looked at. */
static void
on_dtd(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    xmlParserCtxt *parser = context;

    (void)name;
    (void)external;
    (void)system;
    *(bool *)parser->_private = true;
    xmlStopParser(parser);
}

static xmlDoc *
parse_xml(const char *text, gsize size, GError **error)
{
    xmlParserCtxt *parser = xmlNewParserCtxt();
    bool has_dtd = false;
    xmlDoc *document;

    if (parser == NULL) {
        g_error("out of memory");
    }
    parser->_private = &has_dtd;
    parser->sax->internalSubset = on_dtd;
    document = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL,
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (has_dtd || document == NULL) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED,
                            has_dtd ? "the appliance is refused: its descriptor has a DTD"
                                    : "the appliance is refused: its descriptor is no XML");
        g_clear_pointer(&document, xmlFreeDoc);
    }
    xmlFreeParserCtxt(parser);
    return document;
}

static bool
find_system(struct work *work)
{
    xmlNode *content = child(work->root, "VirtualSystem");

    if (!is_called(work->root, "Envelope")) {
        return refuse(work, "its descriptor is no OVF");
    }
    if (child(work->root, "VirtualSystemCollection") != NULL ||
        (content != NULL && find(content->next, "VirtualSystem") != NULL)) {
        return refuse(work, "it is more than one machine");
    }
    if (content == NULL || child(content, "VirtualHardwareSection") == NULL) {
        return refuse(work, "it describes no machine");
    }
    work->system = content;
    return true;
}

/* OVF 2 has elements of their own for disks and network cards. */
static bool
find_items(struct work *work)
{
    xmlNode *hardware = child(work->system, "VirtualHardwareSection");

    for (xmlNode *node = hardware->children; node != NULL; node = node->next) {
        if (!is_called(node, "Item") && !is_called(node, "StorageItem") &&
            !is_called(node, "EthernetPortItem")) {
            continue;
        }
        if (work->items.count == OVF_ITEMS_MAX) {
            return refuse(work, "it has more than %u pieces of hardware", OVF_ITEMS_MAX);
        }
        work->items.all[work->items.count++] = node;
    }
    return true;
}

static void
take_size(struct work *work)
{
    struct ovf *ovf = work->ovf;

    for (guint i = 0; i < work->items.count; i++) {
        xmlNode *item = work->items.all[i];
        guint64 type = child_number(item, "ResourceType");
        guint64 quantity = child_number(item, "VirtualQuantity");

        if (type == TYPE_CPU && ovf->cpus == 0) {
            ovf->cpus = (guint)MIN(quantity, G_MAXUINT16);
        } else if (type == TYPE_MEMORY && ovf->memory_mb == 0) {
            g_autofree char *unit = child_text(item, "AllocationUnits");

            ovf->memory_mb = (guint)MIN(in_bytes(quantity, unit) >> 20, IMAGE_MEMORY_MB_MAX);
        }
    }
    if (ovf->memory_mb < OVF_MEMORY_MIN_MB) {
        note(work, "it says nothing useful about its memory: %u MB are assumed", OVF_MEMORY_MIN_MB);
        ovf->memory_mb = OVF_MEMORY_MIN_MB;
    }
    note(work, "it wants %u processors and %u MB: say so in the pool, CPU= and Memory=",
         MAX(ovf->cpus, 1), ovf->memory_mb);
}

/* An element of list that is called name and has id in its attribute key; NULL: there is none. */
static xmlNode *
by_id(xmlNode *list, const char *name, const char *key, const char *id)
{
    xmlNode *node = child(list, name);

    for (; node != NULL; node = find(node->next, name)) {
        g_autofree char *value = attribute(node, key);

        if (strcmp(value, id) == 0) {
            return node;
        }
    }
    return NULL;
}

static bool
take_file(struct work *work, const char *id)
{
    xmlNode *file = by_id(child(work->root, "References"), "File", "id", id);
    g_autofree char *href = NULL, *compression = NULL, *chunks = NULL;

    if (file == NULL) {
        return refuse(work, "its disk is in no file");
    }
    href = attribute(file, "href");
    compression = attribute(file, "compression");
    chunks = attribute(file, "chunkSize");
    if (!tar_name_is_plain(href)) {
        return refuse(work, "the name of its disk's file is a path or no name");
    }
    if ((compression[0] != '\0' && strcmp(compression, "identity") != 0) || chunks[0] != '\0') {
        return refuse(work, "its disk is compressed or cut into parts");
    }
    g_strlcpy(work->ovf->disk_file, href, sizeof(work->ovf->disk_file));
    return true;
}

static bool
take_disk(struct work *work, const char *id)
{
    xmlNode *disk = by_id(child(work->root, "DiskSection"), "Disk", "diskId", id);
    g_autofree char *file = NULL, *parent = NULL, *capacity = NULL, *unit = NULL;
    guint64 number = 0;

    if (disk == NULL) {
        return refuse(work, "it has a disk that it does not describe");
    }
    file = attribute(disk, "fileRef");
    parent = attribute(disk, "parentRef");
    capacity = attribute(disk, "capacity");
    unit = attribute(disk, "capacityAllocationUnits");
    if (parent[0] != '\0') {
        return refuse(work, "its disk stands on another one");
    }
    if (file[0] == '\0') {
        return refuse(work, "its disk is empty");
    }
    if (g_ascii_string_to_unsigned(capacity, 10, 1, G_MAXINT64, &number, NULL)) {
        work->ovf->capacity = in_bytes(number, unit);
        if (work->ovf->capacity == 0 || work->ovf->capacity > IMAGE_DISK_SIZE_MAX) {
            return refuse(
                work, "its disk is larger than %" G_GUINT64_FORMAT " bytes, or of no known unit",
                IMAGE_DISK_SIZE_MAX);
        }
    }
    return take_file(work, file);
}

/* On which bus the disk was, for whoever knows the system inside. */
static void
note_bus(struct work *work, xmlNode *item)
{
    g_autofree char *parent = child_text(item, "Parent");

    for (guint i = 0; parent[0] != '\0' && i < work->items.count; i++) {
        g_autofree char *id = child_text(work->items.all[i], "InstanceID");
        g_autofree char *kind = child_text(work->items.all[i], "ResourceSubType");
        guint64 type = child_number(work->items.all[i], "ResourceType");
        char shown[OVF_TEXT_MAX + 1];

        if (strcmp(id, parent) == 0 && strcasestr(kind, "virtio") == NULL) {
            show(kind, shown);
            note(work,
                 "its disk was on %s%s%s%s; in a desktop it is virtio, for which the system inside "
                 "needs a driver",
                 type == TYPE_IDE    ? "IDE"
                 : type == TYPE_SCSI ? "SCSI"
                 : type == TYPE_SATA ? "SATA"
                                     : "a bus that is not known",
                 shown[0] == '\0' ? "" : " (", shown, shown[0] == '\0' ? "" : ")");
        }
    }
}

static bool
find_disk(struct work *work)
{
    xmlNode *found = NULL;
    g_autofree char *host = NULL;
    const char *id;

    for (guint i = 0; i < work->items.count; i++) {
        if (child_number(work->items.all[i], "ResourceType") == TYPE_DISK) {
            if (found != NULL) {
                return refuse(work, "it has more than one disk, and desktops have one");
            }
            found = work->items.all[i];
        }
    }
    if (found == NULL) {
        return refuse(work, "it has no disk");
    }
    host = child_text(found, "HostResource");
    id = strstr(host, "/disk/");
    if (id == NULL) {
        return refuse(work, "it does not say what its disk is");
    }
    note_bus(work, found);
    return take_disk(work, id + strlen("/disk/"));
}

static void
note_network(struct work *work)
{
    char shown[OVF_TEXT_MAX + 1] = "";
    guint cards = 0;

    for (guint i = 0; i < work->items.count; i++) {
        if (child_number(work->items.all[i], "ResourceType") == TYPE_NETWORK) {
            g_autofree char *kind = child_text(work->items.all[i], "ResourceSubType");

            show(kind, shown);
            cards++;
        }
    }
    if (cards > 0) {
        note(work,
             "it has %u network card%s%s%s%s; a desktop has one, virtio, where its pool has "
             "Network=",
             cards, cards == 1 ? "" : "s", shown[0] == '\0' ? "" : " (", shown,
             shown[0] == '\0' ? "" : ")");
    }
}

static void
note_absent(struct work *work)
{
    for (guint i = 0; i < G_N_ELEMENTS(absent); i++) {
        for (guint j = 0; j < work->items.count; j++) {
            if (child_number(work->items.all[j], "ResourceType") == absent[i].type) {
                note(work, "it has %s; desktops have none", absent[i].text);
                break;
            }
        }
    }
}

/* VMware says it beside the hardware, VirtualBox in a section of its own; each in its way. */
static bool
says_efi(xmlNode *node, guint depth)
{
    for (; node != NULL; node = node->next) {
        if (is_called(node, "Config") || is_called(node, "ExtraConfig")) {
            g_autofree char *key = attribute(node, "key"), *value = attribute(node, "value");

            if (strcmp(key, "firmware") == 0 && g_ascii_strncasecmp(value, "efi", 3) == 0) {
                return true;
            }
        }
        if (is_called(node, "Firmware")) {
            g_autofree char *type = attribute(node, "type");

            if (g_ascii_strncasecmp(type, "efi", 3) == 0) {
                return true;
            }
        }
        if (node->type == XML_ELEMENT_NODE && depth > 0 && says_efi(node->children, depth - 1)) {
            return true;
        }
    }
    return false;
}

static bool
take_all(struct work *work)
{
    g_autofree char *name = NULL;

    if (!find_system(work) || !find_items(work)) {
        return false;
    }
    name = child_text(work->system, "Name");
    if (name[0] == '\0') {
        g_free(name);
        name = attribute(work->system, "id");
    }
    show(name, work->ovf->name);
    take_size(work);
    if (!find_disk(work)) {
        return false;
    }
    note_network(work);
    note_absent(work);
    if (says_efi(work->system->children, 4)) {
        note(work, "it wants EFI firmware; desktops start by BIOS, so it may not start");
    }
    return true;
}

struct ovf *
ovf_parse(const char *text, gsize size, GError **error)
{
    struct work work = {.error = error};
    xmlDoc *document;
    bool ok;

    if (size == 0 || size > OVF_DESCRIPTOR_MAX) {
        (void)refuse(&work, "its descriptor is empty or too long");
        return NULL;
    }
    document = parse_xml(text, size, error);
    if (document == NULL) {
        return NULL;
    }
    work.ovf = g_new0(struct ovf, 1);
    work.ovf->notes = g_ptr_array_new_with_free_func(g_free);
    work.root = xmlDocGetRootElement(document);
    ok = work.root != NULL ? take_all(&work) : refuse(&work, "its descriptor is no OVF");
    xmlFreeDoc(document);
    if (!ok) {
        g_clear_pointer(&work.ovf, ovf_free);
    }
    return work.ovf;
}

void
ovf_free(struct ovf *ovf)
{
    if (ovf != NULL) {
        g_ptr_array_unref(ovf->notes);
        g_free(ovf);
    }
}
