using System.Collections.Concurrent;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace LLaDA.Batch.Page.Tests;

/// <summary>A tab of its own, which remembers what the browser complains about and which hosts are called.</summary>
internal sealed class OpenedPage : IAsyncDisposable
{
    private static readonly string[] s_serious = ["serious", "critical"];

    private readonly IBrowserContext _context;

    private OpenedPage(IBrowserContext context, IPage page, string address)
    {
        (_context, Page, Address) = (context, page, address);
        page.Console += (_, message) =>
        {
            // The browser reports each refused request as an error of its own; tests that refuse requests look at the page instead.
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
                Complaints.Enqueue(message.Text);
        };
        page.PageError += (_, error) => Complaints.Enqueue(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address, StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal)
                && !request.Url.StartsWith("blob:", StringComparison.Ordinal))
                Complaints.Enqueue($"A request went to {request.Url}");
        };
        page.Dialog += async (_, dialog) => await dialog.AcceptAsync();
    }

    public string Address { get; }

    public IPage Page { get; }

    /// <summary>Errors of the console, of scripts and of the security policy, and requests to other hosts.</summary>
    public ConcurrentQueue<string> Complaints { get; } = new();

    /// <param name="key">Handed over in the address; null opens the page without a key.</param>
    public static async Task<OpenedPage> AtAsync(
        PageFixture fixture, string? key, BrowserNewContextOptions? options = null, string? address = null)
    {
        options ??= new();
        options.Locale = "en-US";     // the machine's own may be one that no browser knows
        var context = await fixture.Browser.NewContextAsync(options);
        context.SetDefaultTimeout(30_000);
        var opened = new OpenedPage(context, await context.NewPageAsync(), address ?? fixture.Stack.Address);
        await opened.Page.GotoAsync(opened.Address + (key is null ? "/" : $"/#key={key}"));
        return opened;
    }

    public Task GoAsync(string route) => Page.GotoAsync($"{Address}/#/{route}");

    public ILocator Heading(string name) => Page.GetByRole(AriaRole.Heading, new() { Name = name, Exact = true });

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>Asserts that axe finds nothing serious and that the browser did not complain.</summary>
    public async Task AssertSoundAsync()
    {
        var result = await Page.RunAxe();
        Assert.Empty(result.Violations.Where(violation => s_serious.Contains(violation.Impact, StringComparer.Ordinal))
            .Select(violation => $"{violation.Id}: {string.Join(", ", violation.Nodes.Select(node => node.Html))}"));
        Assert.Empty(Complaints);
    }

    public ValueTask DisposeAsync() => _context.DisposeAsync();
}
