/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/picture.h"

#include <math.h>
#include <string.h>

#include "client/native/direct.h"

#define MAX_AHEAD_US (50 * 1000) /* a prediction further off than that is none */

struct placement {
    double x, y, zoom; /* logical pixels; zoom: logical pixels a desktop pixel */
    double scale;      /* device pixels a logical pixel */
};

/* What is on the screen of a cell. A texture keeps its bytes, so the same bytes are the same
 * pixels. */
struct shown_cell {
    uint32_t version;
    GBytes *bytes[CLIENT_CELL_PARTS + 1]; /* borrowed from the texture; whole last */
    GdkTexture *textures[CLIENT_CELL_PARTS + 1];
    GskRenderNode *node; /* NULL when it must be made */
};

struct _ClientPicture {
    GtkWidget parent;
    struct client_session *session; /* borrowed */
    struct shown_cell *shown;
    unsigned count;
    uint16_t width, height;
    struct placement placed; /* of the nodes in shown */
    bool fit;
    bool stale;
    bool unpresented;             /* a frame that is not on the screen */
    bool drawn;                   /* it is in what is being painted */
    double pointer_x, pointer_y;  /* for moving about in a picture larger than the window */
    GdkFrameClock *clock;         /* while realized */
    struct client_direct *direct; /* while realized with a session; NULL: GTK alone draws */
    gulong after_paint;
    client_picture_resized_fn resized;
    void *user_data;
};

G_DEFINE_TYPE(ClientPicture, client_picture, GTK_TYPE_WIDGET)

static void
cell_clear(struct shown_cell *cell)
{
    unsigned i;

    g_clear_pointer(&cell->node, gsk_render_node_unref);
    for (i = 0; i <= CLIENT_CELL_PARTS; i++) {
        g_clear_object(&cell->textures[i]);
        cell->bytes[i] = NULL;
    }
}

static void
picture_clear(ClientPicture *self)
{
    unsigned i;

    for (i = 0; i < self->count; i++)
        cell_clear(&self->shown[i]);
    g_clear_pointer(&self->shown, g_free);
    self->count = 0;
    self->width = 0;
    self->height = 0;
}

static struct placement
picture_place(ClientPicture *self)
{
    double wide = gtk_widget_get_width(GTK_WIDGET(self));
    double high = gtk_widget_get_height(GTK_WIDGET(self));
    double scale = gtk_widget_get_scale_factor(GTK_WIDGET(self));
    double zoom = 1.0 / scale;
    struct placement place = {.scale = scale};

    if (self->fit)
        zoom = MIN(wide / self->width, high / self->height);
    place.zoom = zoom;
    place.x = (wide - self->width * zoom) / 2;
    place.y = (high - self->height * zoom) / 2;
    /* Larger than the window: the pointer moves the view, edge to edge. */
    if (place.x < 0)
        place.x = (wide - self->width * zoom) * CLAMP(self->pointer_x / wide, 0, 1);
    if (place.y < 0)
        place.y = (high - self->height * zoom) * CLAMP(self->pointer_y / high, 0, 1);
    place.x = floor(place.x);
    place.y = floor(place.y);
    return place;
}

static const struct client_cells *
picture_cells(ClientPicture *self)
{
    return self->session ? client_session_cells(self->session) : NULL;
}

/* Adds the node of one part, whose pixels are bytes. */
static void
part_draw(ClientPicture *self, struct shown_cell *cell, unsigned part, GBytes *bytes,
          struct vdp_rect rect, GPtrArray *nodes)
{
    const struct placement *place = &self->placed;
    /* Edges on device pixels: neighbours meet without a seam. */
    double left = round((place->x + rect.x * place->zoom) * place->scale) / place->scale;
    double top = round((place->y + rect.y * place->zoom) * place->scale) / place->scale;
    double right =
        round((place->x + (rect.x + rect.width) * place->zoom) * place->scale) / place->scale;
    double bottom =
        round((place->y + (rect.y + rect.height) * place->zoom) * place->scale) / place->scale;

    if (cell->bytes[part] != bytes) {
        g_clear_object(&cell->textures[part]);
        cell->textures[part] =
            gdk_memory_texture_new(rect.width, rect.height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED,
                                   bytes, rect.width * (size_t)4);
        cell->bytes[part] = bytes;
    }
    g_ptr_array_add(nodes, gsk_texture_node_new(cell->textures[part],
                                                &GRAPHENE_RECT_INIT((float)left, (float)top,
                                                                    (float)(right - left),
                                                                    (float)(bottom - top))));
}

/* Tiles lie on top of the cell at 1:1 only: scaled, their edges would show. */
static GskRenderNode *
cell_draw(ClientPicture *self, const struct client_cells *cells, unsigned index)
{
    const struct client_cell *cell = &cells->cells[index];
    struct shown_cell *shown = &self->shown[index];
    bool layered = self->placed.zoom * self->placed.scale == 1.0;
    g_autoptr(GPtrArray) nodes =
        g_ptr_array_new_with_free_func((GDestroyNotify)gsk_render_node_unref);
    g_autoptr(GBytes) whole = layered ? g_bytes_ref(cell->whole) : client_cells_whole(cells, index);
    unsigned part;

    part_draw(self, shown, CLIENT_CELL_WHOLE, whole,
              client_cells_rect(cells, index, CLIENT_CELL_WHOLE), nodes);
    for (part = 0; part < CLIENT_CELL_PARTS; part++) {
        if (layered && cell->parts[part]) {
            part_draw(self, shown, part, cell->parts[part], client_cells_rect(cells, index, part),
                      nodes);
        } else {
            g_clear_object(&shown->textures[part]);
            shown->bytes[part] = NULL;
        }
    }
    shown->version = cell->version;
    return gsk_container_node_new((GskRenderNode **)nodes->pdata, nodes->len);
}

static void
picture_draw(ClientPicture *self, GtkSnapshot *snapshot, const struct client_cells *cells)
{
    struct placement place = picture_place(self);
    bool moved = memcmp(&place, &self->placed, sizeof(place)) != 0;
    unsigned i;

    self->placed = place;
    for (i = 0; i < self->count; i++) {
        struct shown_cell *shown = &self->shown[i];

        if (!cells->cells[i].whole)
            continue;
        if (moved || shown->version != cells->cells[i].version)
            g_clear_pointer(&shown->node, gsk_render_node_unref);
        if (!shown->node)
            shown->node = cell_draw(self, cells, i);
        gtk_snapshot_append_node(snapshot, shown->node);
    }
}

/* Grey and dim, so that nobody takes it for live. */
static void
picture_push_stale(GtkSnapshot *snapshot)
{
    static const float grey[16] = {0.14f, 0.14f, 0.14f, 0, 0.30f, 0.30f, 0.30f, 0,
                                   0.06f, 0.06f, 0.06f, 0, 0,     0,     0,     1};
    graphene_matrix_t matrix;
    graphene_vec4_t offset;

    graphene_matrix_init_from_float(&matrix, grey);
    graphene_vec4_init(&offset, 0.04f, 0.04f, 0.04f, 0);
    gtk_snapshot_push_color_matrix(snapshot, &matrix, &offset);
}

static void
picture_snapshot(GtkWidget *widget, GtkSnapshot *snapshot)
{
    ClientPicture *self = CLIENT_PICTURE(widget);
    const struct client_cells *cells = picture_cells(self);

    self->drawn = self->unpresented;
    if (!cells || self->width == 0 || cells->width != self->width || cells->height != self->height)
        return;
    gtk_snapshot_push_clip(snapshot, &GRAPHENE_RECT_INIT(0, 0, gtk_widget_get_width(widget),
                                                         gtk_widget_get_height(widget)));
    if (self->stale)
        picture_push_stale(snapshot);
    picture_draw(self, snapshot, cells);
    if (self->stale)
        gtk_snapshot_pop(snapshot);
    gtk_snapshot_pop(snapshot);
}

static void
picture_present(ClientPicture *self, int64_t shown_us)
{
    self->unpresented = false;
    self->drawn = false;
    if (self->session && client_session_stream(self->session))
        client_stream_presented(client_session_stream(self->session), shown_us);
}

static void
picture_renewed(void *user_data)
{
    gtk_widget_queue_draw(GTK_WIDGET(user_data));
}

/* Somebody who paints past GTK must know where, and what GTK has drawn over it. */
static void
picture_follow(ClientPicture *self)
{
    const struct client_cells *cells = picture_cells(self);
    struct placement place = {0};
    bool wanted = cells && self->width > 0 && cells->width == self->width &&
                  cells->height == self->height && !self->stale;

    if (wanted) {
        place = picture_place(self);
        wanted = place.zoom * place.scale == 1.0;
    }
    client_direct_follow(self->direct, place.x, place.y, self->width, self->height, wanted);
}

static void
picture_set_direct(ClientPicture *self)
{
    g_clear_pointer(&self->direct, client_direct_free);
    if (self->session && self->clock)
        self->direct = client_direct_new(GTK_WIDGET(self), client_session_canvas(self->session),
                                         picture_renewed, self);
}

/* The frame is with the display server now; the clock may know when light comes out. */
static void
picture_after_paint(GdkFrameClock *clock, void *user_data)
{
    ClientPicture *self = user_data;
    GdkFrameTimings *timings = gdk_frame_clock_get_current_timings(clock);
    int64_t now_us = g_get_monotonic_time();
    int64_t shown_us = 0;

    picture_follow(self);
    if (!self->drawn)
        return;
    if (timings)
        shown_us = gdk_frame_timings_get_predicted_presentation_time(timings);
    if (shown_us < now_us || shown_us > now_us + MAX_AHEAD_US)
        shown_us = now_us;
    picture_present(self, shown_us);
}

static void
picture_realize(GtkWidget *widget)
{
    ClientPicture *self = CLIENT_PICTURE(widget);

    GTK_WIDGET_CLASS(client_picture_parent_class)->realize(widget);
    self->clock = g_object_ref(gtk_widget_get_frame_clock(widget));
    self->after_paint =
        g_signal_connect(self->clock, "after-paint", G_CALLBACK(picture_after_paint), self);
    picture_set_direct(self);
}

static void
picture_unrealize(GtkWidget *widget)
{
    ClientPicture *self = CLIENT_PICTURE(widget);

    g_clear_signal_handler(&self->after_paint, self->clock);
    g_clear_object(&self->clock);
    picture_set_direct(self);
    GTK_WIDGET_CLASS(client_picture_parent_class)->unrealize(widget);
}

static void
picture_size_allocate(GtkWidget *widget, int width, int height, int baseline)
{
    ClientPicture *self = CLIENT_PICTURE(widget);
    int scale = gtk_widget_get_scale_factor(widget);

    (void)baseline;
    if (self->resized)
        self->resized(width * scale, height * scale, 120 * scale, self->user_data);
}

static void
picture_finalize(GObject *object)
{
    picture_clear(CLIENT_PICTURE(object));
    G_OBJECT_CLASS(client_picture_parent_class)->finalize(object);
}

static void
client_picture_class_init(ClientPictureClass *class)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

    G_OBJECT_CLASS(class)->finalize = picture_finalize;
    widget->snapshot = picture_snapshot;
    widget->realize = picture_realize;
    widget->unrealize = picture_unrealize;
    widget->size_allocate = picture_size_allocate;
    gtk_widget_class_set_css_name(widget, "desktop-picture");
}

static void
client_picture_init(ClientPicture *self)
{
    self->fit = true;
    gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
    gtk_widget_set_hexpand(GTK_WIDGET(self), TRUE);
    gtk_widget_set_vexpand(GTK_WIDGET(self), TRUE);
}

GtkWidget *
client_picture_new(client_picture_resized_fn resized, void *user_data)
{
    ClientPicture *self = g_object_new(CLIENT_TYPE_PICTURE, NULL);

    self->resized = resized;
    self->user_data = user_data;
    return GTK_WIDGET(self);
}

void
client_picture_set_session(ClientPicture *self, struct client_session *session)
{
    self->session = session;
    if (!session)
        self->resized = NULL;
    picture_set_direct(self);
    client_picture_surface(self);
}

void
client_picture_surface(ClientPicture *self)
{
    const struct client_cells *cells = picture_cells(self);

    picture_clear(self);
    if (cells) {
        self->width = cells->width;
        self->height = cells->height;
        self->count = cells->across * cells->down;
        self->shown = g_new0(struct shown_cell, self->count);
    }
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
client_picture_frame(ClientPicture *self, const struct client_frame *frame)
{
    if (frame->painted && frame->pieces > 0)
        gtk_widget_queue_draw(GTK_WIDGET(self)); /* what shines through GTK's parts */
    if (frame->painted || (frame->pieces == 0 && !self->unpresented)) {
        picture_present(self, frame->painted_us);
        return;
    }
    self->unpresented = true;
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
client_picture_set_fit(ClientPicture *self, bool fit)
{
    self->fit = fit;
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
client_picture_set_stale(ClientPicture *self, bool stale)
{
    self->stale = stale;
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

bool
client_picture_locate(ClientPicture *self, double x, double y, uint16_t *ret_x, uint16_t *ret_y)
{
    struct placement place;

    if (self->width == 0)
        return false;
    self->pointer_x = x;
    self->pointer_y = y;
    place = picture_place(self);
    if (place.x < 0 || place.y < 0)
        gtk_widget_queue_draw(GTK_WIDGET(self));
    *ret_x = (uint16_t)CLAMP((x - place.x) / place.zoom, 0, self->width - 1);
    *ret_y = (uint16_t)CLAMP((y - place.y) / place.zoom, 0, self->height - 1);
    return true;
}
