/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/picture.h"

#include <math.h>
#include <string.h>

#define CELL       256u
#define CELL_TILES (CELL / VDP_TILE)

struct _ClientPicture {
    GtkWidget parent;
    struct client_session *session; /* borrowed */
    GPtrArray *cells;               /* GdkTexture or NULL when it must be made */
    uint16_t width, height;
    unsigned across;
    bool fit;
    bool stale;
    bool unpresented;
    double pointer_x, pointer_y; /* for moving about in a picture larger than the window */
    GdkFrameClock *clock;        /* while realized */
    gulong after_paint;
    client_picture_resized_fn resized;
    void *user_data;
};

G_DEFINE_TYPE(ClientPicture, client_picture, GTK_TYPE_WIDGET)

struct placement {
    double x, y, zoom; /* logical pixels; zoom: logical pixels a desktop pixel */
};

static void
cell_clear(void *texture)
{
    g_clear_object(&texture);
}

static struct placement
picture_place(ClientPicture *self)
{
    double wide = gtk_widget_get_width(GTK_WIDGET(self));
    double high = gtk_widget_get_height(GTK_WIDGET(self));
    double zoom = 1.0 / gtk_widget_get_scale_factor(GTK_WIDGET(self));
    struct placement place;

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

static GdkTexture *
cell_make(const struct vdp_image *image, unsigned x, unsigned y, unsigned width, unsigned height)
{
    size_t stride = (size_t)width * 4;
    uint8_t *pixels = g_malloc(stride * height);
    GBytes *bytes;
    GdkTexture *texture;
    unsigned row;

    for (row = 0; row < height; row++)
        memcpy(pixels + row * stride, image->pixels + (y + row) * image->stride + x * 4u, stride);
    bytes = g_bytes_new_take(pixels, stride * height);
    texture = gdk_memory_texture_new((int)width, (int)height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED,
                                     bytes, stride);
    g_bytes_unref(bytes);
    return texture;
}

static void
cell_draw(ClientPicture *self, GtkSnapshot *snapshot, const struct vdp_image *image, unsigned index,
          const struct placement *place)
{
    unsigned x = index % self->across * CELL;
    unsigned y = index / self->across * CELL;
    unsigned width = MIN(CELL, image->width - x);
    unsigned height = MIN(CELL, image->height - y);
    double scale = gtk_widget_get_scale_factor(GTK_WIDGET(self));
    /* Edges on device pixels: neighbours meet without a seam. */
    double left = round((place->x + x * place->zoom) * scale) / scale;
    double top = round((place->y + y * place->zoom) * scale) / scale;
    double right = round((place->x + (x + width) * place->zoom) * scale) / scale;
    double bottom = round((place->y + (y + height) * place->zoom) * scale) / scale;

    if (!self->cells->pdata[index])
        self->cells->pdata[index] = cell_make(image, x, y, width, height);
    gtk_snapshot_append_texture(
        snapshot, self->cells->pdata[index],
        &GRAPHENE_RECT_INIT((float)left, (float)top, (float)(right - left), (float)(bottom - top)));
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
    struct vdp_image image = {0};
    struct placement place;
    unsigned i;

    if (self->session)
        image = client_session_image(self->session);
    if (image.width == 0 || image.width != self->width || image.height != self->height)
        return;
    place = picture_place(self);
    gtk_snapshot_push_clip(snapshot, &GRAPHENE_RECT_INIT(0, 0, gtk_widget_get_width(widget),
                                                         gtk_widget_get_height(widget)));
    if (self->stale)
        picture_push_stale(snapshot);
    for (i = 0; i < self->cells->len; i++)
        cell_draw(self, snapshot, &image, i, &place);
    if (self->stale)
        gtk_snapshot_pop(snapshot);
    gtk_snapshot_pop(snapshot);
}

static void
picture_after_paint(GdkFrameClock *clock, void *user_data)
{
    ClientPicture *self = user_data;

    (void)clock;
    if (self->unpresented && self->session && client_session_stream(self->session))
        client_stream_presented(client_session_stream(self->session));
    self->unpresented = false;
}

static void
picture_realize(GtkWidget *widget)
{
    ClientPicture *self = CLIENT_PICTURE(widget);

    GTK_WIDGET_CLASS(client_picture_parent_class)->realize(widget);
    self->clock = g_object_ref(gtk_widget_get_frame_clock(widget));
    self->after_paint =
        g_signal_connect(self->clock, "after-paint", G_CALLBACK(picture_after_paint), self);
}

static void
picture_unrealize(GtkWidget *widget)
{
    ClientPicture *self = CLIENT_PICTURE(widget);

    g_clear_signal_handler(&self->after_paint, self->clock);
    g_clear_object(&self->clock);
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
    g_ptr_array_unref(CLIENT_PICTURE(object)->cells);
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
    self->cells = g_ptr_array_new_with_free_func(cell_clear);
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
    client_picture_surface(self);
}

void
client_picture_surface(ClientPicture *self)
{
    struct vdp_image image = {0};

    if (self->session)
        image = client_session_image(self->session);
    self->width = image.width;
    self->height = image.height;
    self->across = (image.width + CELL - 1) / CELL;
    g_ptr_array_set_size(self->cells, 0);
    g_ptr_array_set_size(self->cells, (int)(self->across * ((image.height + CELL - 1) / CELL)));
    gtk_widget_queue_draw(GTK_WIDGET(self));
}

void
client_picture_frame(ClientPicture *self)
{
    unsigned tiles_across = (self->width + VDP_TILE - 1) / VDP_TILE;
    size_t count = 0;
    const uint32_t *tiles = client_session_dirty_tiles(self->session, &count);
    size_t i;

    for (i = 0; i < count; i++) {
        unsigned x = tiles[i] % tiles_across / CELL_TILES;
        unsigned y = tiles[i] / tiles_across / CELL_TILES;

        g_clear_object(&self->cells->pdata[y * self->across + x]);
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
