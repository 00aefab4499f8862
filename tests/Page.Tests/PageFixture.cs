using System.Diagnostics;
using LLaDA.Batch.Local;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(LLaDA.Batch.Page.Tests.PageFixture))]

namespace LLaDA.Batch.Page.Tests;

/// <summary>The whole system with the bundled models, and a browser.</summary>
public sealed class PageFixture : IAsyncLifetime
{
    /// <summary>What a page shows after a request may take that long on a busy machine.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private IPlaywright? _playwright;

    public string DataFolder { get; } = Directory.CreateTempSubdirectory("llada-page-").FullName;

    public LocalStack Stack { get; private set; } = null!;

    public IBrowser Browser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var stack = LocalStack.StartAsync(new LocalStackOptions(DataFolder), _ => { }, CancellationToken.None);
        _playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout((float)s_patience.TotalMilliseconds);
        Browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = await Chromium.FindAsync(),
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--headless=old"],
        });
        Stack = await stack;
    }

    public async ValueTask DisposeAsync()
    {
        if (Browser is not null)
            await Browser.CloseAsync();
        _playwright?.Dispose();
        if (Stack is not null)
            await Stack.DisposeAsync();
        Directory.Delete(DataFolder, recursive: true);
    }
}
