/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/theme.h"

#include <string.h>

#include "client/native/beside.h"
#include "client/native/text.h"
#include "protocol/base/log.h"

/* The names a theme may colour; GTK's own widgets take theirs from the same palette. */
static const struct theme_colour {
    const char *name;
    const char *light;
    const char *dark;
} theme_colours[] = {
    {"accent", "#1f6f6b", "#4fb3a9"},     {"accent_text", "#ffffff", "#08201f"},
    {"background", "#eef1f0", "#14191b"}, {"surface", "#ffffff", "#1e2528"},
    {"text", "#1b2527", "#e7eceb"},       {"muted", "#5d6b6d", "#9aa8a8"},
    {"line", "#d5dcda", "#323c3f"},       {"good", "#2c7a4b", "#6cc48d"},
    {"warn", "#9a6a00", "#e0b252"},       {"bad", "#b3342d", "#f08a80"},
};

static char *
theme_default_folder(void)
{
    g_autofree char *beside = client_beside_program("../../themes/default");
    g_autofree char *ini = g_build_filename(beside, "theme.ini", NULL);

    if (g_file_test(ini, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer(&beside);
    return g_build_filename(VEDETTE_THEMEDIR, "default", NULL);
}

static char *
theme_text(GKeyFile *ini, const char *key, const char *fallback)
{
    char *text = g_key_file_get_locale_string(ini, "Theme", key, NULL, NULL);

    return text ? text : g_strdup(fallback);
}

/* A file of the theme's own folder: a name with a slash is refused. */
static char *
theme_file(const char *folder, GKeyFile *ini, const char *key)
{
    g_autofree char *name = g_key_file_get_string(ini, "Theme", key, NULL);
    g_autofree char *path = NULL;

    if (!name || strchr(name, '/'))
        return NULL;
    path = g_build_filename(folder, name, NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&path) : NULL;
}

struct client_theme *
client_theme_load(const char *folder)
{
    struct client_theme *theme = g_new0(struct client_theme, 1);
    g_autoptr(GKeyFile) ini = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    theme->folder = folder ? g_strdup(folder) : theme_default_folder();
    path = g_build_filename(theme->folder, "theme.ini", NULL);
    if (!g_key_file_load_from_file(ini, path, G_KEY_FILE_KEEP_TRANSLATIONS, &error))
        vd_warning("theme", "reading '%s': %s, continuing without a theme", path, error->message);
    theme->title = theme_text(ini, "Title", "Vedette");
    theme->greeting = theme_text(ini, "Greeting", _("Your desktop, wherever you are"));
    theme->footer = theme_text(ini, "Footer", "");
    theme->logo = theme_file(theme->folder, ini, "Logo");
    theme->css = theme_file(theme->folder, ini, "ClientCss");
    return theme;
}

void
client_theme_free(struct client_theme *theme)
{
    if (!theme)
        return;
    g_free(theme->folder);
    g_free(theme->title);
    g_free(theme->greeting);
    g_free(theme->footer);
    g_free(theme->logo);
    g_free(theme->css);
    g_free(theme);
}

/* "@define-color" lines of the light or dark palette; values that are no colours are left out. */
static char *
theme_palette(const struct client_theme *theme, bool dark)
{
    g_autoptr(GKeyFile) ini = g_key_file_new();
    g_autofree char *path = g_build_filename(theme->folder, "theme.ini", NULL);
    GString *css = g_string_new(NULL);
    size_t i;

    /* A missing file was reported when the theme was loaded. */
    (void)g_key_file_load_from_file(ini, path, G_KEY_FILE_NONE, NULL);
    for (i = 0; i < G_N_ELEMENTS(theme_colours); i++) {
        const struct theme_colour *colour = &theme_colours[i];
        g_autofree char *value =
            g_key_file_get_string(ini, dark ? "Dark" : "Light", colour->name, NULL);
        GdkRGBA parsed;

        if (!value || !gdk_rgba_parse(&parsed, value)) {
            g_free(value);
            value = g_strdup(dark ? colour->dark : colour->light);
        }
        g_string_append_printf(css, "@define-color vd_%s %s;\n", colour->name, value);
    }
    return g_string_free(css, FALSE);
}

void
client_theme_apply(const struct client_theme *theme, GdkDisplay *display)
{
    GtkSettings *settings = gtk_settings_get_for_display(display);
    GtkCssProvider *palette = gtk_css_provider_new();
    GtkCssProvider *sheet = gtk_css_provider_new();
    g_autofree char *name = NULL;
    g_autofree char *css = NULL;
    gboolean dark = FALSE;

    g_object_get(settings, "gtk-application-prefer-dark-theme", &dark, "gtk-theme-name", &name,
                 NULL);
    if (name && g_str_has_suffix(name, "-dark"))
        dark = TRUE;
    css = theme_palette(theme, dark);
    gtk_css_provider_load_from_data(palette, css, -1);
    gtk_style_context_add_provider_for_display(display, GTK_STYLE_PROVIDER(palette),
                                               GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
    if (theme->css) {
        gtk_css_provider_load_from_path(sheet, theme->css);
        gtk_style_context_add_provider_for_display(display, GTK_STYLE_PROVIDER(sheet),
                                                   GTK_STYLE_PROVIDER_PRIORITY_APPLICATION + 1);
    }
    g_object_unref(palette);
    g_object_unref(sheet);
}

GtkWidget *
client_theme_logo(const struct client_theme *theme, int size)
{
    GtkWidget *image;

    if (!theme->logo)
        return NULL;
    image = gtk_image_new_from_file(theme->logo);
    gtk_image_set_pixel_size(GTK_IMAGE(image), size);
    gtk_widget_set_halign(image, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(image, GTK_ALIGN_CENTER);
    gtk_accessible_update_property(GTK_ACCESSIBLE(image), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                   theme->title, -1);
    return image;
}
