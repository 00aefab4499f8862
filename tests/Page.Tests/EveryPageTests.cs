using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

/// <summary>Each page with something on it, at a desk and on a phone, light and dark.</summary>
public sealed class EveryPageTests(PageFixture fixture)
{
    /// <summary>Where the pictures of the documents go; without it they are not kept.</summary>
    private static readonly string? s_pictures = Environment.GetEnvironmentVariable("LLADA_PICTURES");

    /// <summary>The elements that reach beyond the screen, if the page can be scrolled sideways.</summary>
    private const string TooWide = """
        document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("main *, header *")]
          .filter(element => element.getBoundingClientRect().right > innerWidth).map(element => element.outerHTML.slice(0, 120)).join("\n")
        """;

    [Fact]
    public async Task Every_page_is_accessible_fits_a_phone_and_calls_no_other_host()
    {
        using var client = fixture.Stack.CreateClient();
        string batch = await Requests.EndedBatchAsync(client);
        string job = await Requests.EndedJobAsync(client);
        string endpoint = await Requests.CreateAsync(client, "/v1/webhook_endpoints", new { url = "http://127.0.0.1:9/hook" });
        await Requests.CreateAsync(client, $"/v1/webhook_endpoints/{endpoint}/test", new { });

        (string Route, string Heading, string Shows)[] pages =
        [
            ("try", "Try it", "Text with gaps"),
            ("batches", "Batches", batch),
            ($"batches/{batch}", batch, "And he went forth."),
            ("fine-tuning", "Fine-tuning", job),
            ($"fine-tuning/{job}", job, "Step 4/4"),
            ("schedules", "Schedules", "There is no schedule yet"),
            ("models", "Models", "llada-tiny-base"),
            ("files", "Files", "lines.jsonl"),
            ("webhooks", "Webhooks", "http://127.0.0.1:9/hook"),
            ($"webhooks/{endpoint}", endpoint, "webhook_endpoint.test"),
            ("usage", "Usage", "llada-tiny-base"),
        ];
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await using var opened = await OpenedPage.AtAsync(
                fixture, fixture.Stack.ApiKey, new() { ColorScheme = scheme, ViewportSize = new() { Width = 1100, Height = 760 } });
            foreach (var (route, heading, shows) in pages)
            {
                await opened.Page.SetViewportSizeAsync(1100, 760);
                await opened.GoAsync(route);
                await Expect(opened.Heading(heading)).ToBeVisibleAsync();
                await Expect(opened.Page.GetByText(shows).First).ToBeAttachedAsync();
                if (scheme == ColorScheme.Light && s_pictures is not null)
                    await opened.Page.ScreenshotAsync(new() { Path = Path.Combine(s_pictures, $"{NameOf(route)}.png") });
                await opened.AssertSoundAsync();
                await opened.Page.SetViewportSizeAsync(360, 740);
                Assert.Equal("", await opened.Page.EvaluateAsync<string>(TooWide));
            }
        }
    }

    private static string NameOf(string route) => route.Split('/') is [var room, _] ? $"{room}-detail" : route;
}
