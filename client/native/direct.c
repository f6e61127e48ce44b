/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/direct.h"

#include <glib-unix.h>
#include <math.h>
#include <string.h>

#ifdef GDK_WINDOWING_X11
#include <gdk/x11/gdkx.h>
#endif

#include "client/native/paint.h"

struct client_direct {
    GtkWidget *widget; /* borrowed */
    struct client_canvas *canvas;
    struct client_paint *paint;
    struct client_paint_place place;
    guint watch; /* of paint's descriptor */
    void (*renewed)(void *user_data);
    void *user_data;
};

static bool
direct_paint(const struct vdp_image *image, const uint32_t *tiles, size_t count, void *user_data)
{
    struct client_direct *direct = user_data;

    return client_paint_tiles(direct->paint, image, tiles, count);
}

static void
direct_renewed(void *user_data)
{
    struct client_direct *direct = user_data;

    direct->renewed(direct->user_data);
}

static const struct client_painter direct_painter = {direct_paint, direct_renewed};

static gboolean
direct_exposed(int fd, GIOCondition condition, void *user_data)
{
    struct client_direct *direct = user_data;

    (void)fd;
    if (client_paint_exposed(direct->paint))
        client_canvas_renew(direct->canvas);
    if ((condition & (G_IO_HUP | G_IO_ERR)) == 0)
        return G_SOURCE_CONTINUE;
    direct->watch = 0;
    return G_SOURCE_REMOVE;
}

#ifdef GDK_WINDOWING_X11
static struct client_paint *
direct_window(GtkWidget *widget)
{
    GdkDisplay *display = gtk_widget_get_display(widget);
    GdkSurface *surface = gtk_native_get_surface(gtk_widget_get_native(widget));

    if (!GDK_IS_X11_DISPLAY(display) || !GDK_IS_X11_SURFACE(surface))
        return NULL;
    gdk_display_sync(display); /* the other connection must know the window */
    return client_paint_new(gdk_display_get_name(display),
                            (uint32_t)gdk_x11_surface_get_xid(surface));
}
#else
static struct client_paint *
direct_window(GtkWidget *widget)
{
    (void)widget;
    return NULL;
}
#endif

struct client_direct *
client_direct_new(GtkWidget *widget, struct client_canvas *canvas, void (*renewed)(void *user_data),
                  void *user_data)
{
    struct client_paint *paint = direct_window(widget);
    struct client_direct *direct;

    if (!paint)
        return NULL;
    direct = g_new0(struct client_direct, 1);
    direct->widget = widget;
    direct->canvas = canvas;
    direct->paint = paint;
    direct->renewed = renewed;
    direct->user_data = user_data;
    direct->watch = g_unix_fd_add(client_paint_fd(paint), G_IO_IN, direct_exposed, direct);
    client_canvas_set_painter(canvas, &direct_painter, direct, true);
    return direct;
}

void
client_direct_free(struct client_direct *direct)
{
    if (!direct)
        return;
    client_canvas_set_painter(direct->canvas, NULL, NULL, true);
    g_clear_handle_id(&direct->watch, g_source_remove);
    client_paint_free(direct->paint);
    g_free(direct);
}

/* What stands over the widget: its neighbours in the overlay that can be seen. */
static void
add_holes(struct client_direct *direct, GtkWidget *native, double shift_x, double shift_y,
          int scale, struct client_paint_place *place)
{
    GtkWidget *child = gtk_widget_get_first_child(gtk_widget_get_parent(direct->widget));
    graphene_rect_t bounds;

    for (; child; child = gtk_widget_get_next_sibling(child)) {
        if (child == direct->widget || !gtk_widget_get_mapped(child) ||
            !gtk_widget_compute_bounds(child, native, &bounds) || bounds.size.width < 1 ||
            bounds.size.height < 1)
            continue;
        if (place->holes == CLIENT_PAINT_HOLES) {
            place->width = 0; /* too many to show anything */
            return;
        }
        place->hole[place->holes].x = (int)floor((bounds.origin.x + shift_x) * scale);
        place->hole[place->holes].y = (int)floor((bounds.origin.y + shift_y) * scale);
        place->hole[place->holes].width = (int)ceil(bounds.size.width * scale) + 1;
        place->hole[place->holes].height = (int)ceil(bounds.size.height * scale) + 1;
        place->holes++;
    }
}

/* The part of the picture that lies in the widget, in pixels of the window. */
static void
find_place(struct client_direct *direct, double x, double y, int width, int height,
           struct client_paint_place *ret_place)
{
    GtkWidget *native = GTK_WIDGET(gtk_widget_get_native(direct->widget));
    int scale = gtk_widget_get_scale_factor(direct->widget);
    double shift_x, shift_y, left, top;
    int view_x = MAX((int)lround(-x * scale), 0);
    int view_y = MAX((int)lround(-y * scale), 0);

    gtk_native_get_surface_transform(GTK_NATIVE(native), &shift_x, &shift_y);
    if (!gtk_widget_translate_coordinates(direct->widget, native, 0, 0, &left, &top))
        return;
    ret_place->view_x = view_x;
    ret_place->view_y = view_y;
    ret_place->x = (int)lround((left + shift_x + MAX(x, 0)) * scale);
    ret_place->y = (int)lround((top + shift_y + MAX(y, 0)) * scale);
    ret_place->width = MIN(width - view_x, gtk_widget_get_width(direct->widget) * scale);
    ret_place->height = MIN(height - view_y, gtk_widget_get_height(direct->widget) * scale);
    if (ret_place->width <= 0 || ret_place->height <= 0)
        ret_place->width = ret_place->height = 0;
    else
        add_holes(direct, native, shift_x, shift_y, scale, ret_place);
}

void
client_direct_follow(struct client_direct *direct, double x, double y, int width, int height,
                     bool wanted)
{
    struct client_paint_place place = {0};
    bool had_pieces;

    if (!direct)
        return;
    if (wanted && gtk_widget_get_mapped(direct->widget))
        find_place(direct, x, y, width, height, &place);
    if (memcmp(&place, &direct->place, sizeof(place)) == 0)
        return;
    had_pieces = direct->place.width == 0 || direct->place.holes > 0;
    direct->place = place;
    /* What GTK draws beside or through the holes needs the pieces. */
    client_canvas_set_painter(direct->canvas, &direct_painter, direct,
                              place.width == 0 || place.holes > 0);
    client_paint_place(direct->paint, &place);
    if (place.width > 0 || !had_pieces)
        client_canvas_renew(direct->canvas);
}
