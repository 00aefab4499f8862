using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class TryPageTests(PageFixture fixture)
{
    [Fact]
    public async Task A_key_in_the_address_signs_in_and_leaves_the_address()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);

        await Task.Delay(4000); await opened.Page.ScreenshotAsync(new() { Path = "/tmp/plan/page.png" }); Assert.Empty(opened.Complaints);
        await Expect(opened.Heading("Try it")).ToBeVisibleAsync();

        Assert.DoesNotContain(fixture.Stack.ApiKey, opened.Page.Url, StringComparison.Ordinal);
        await opened.AssertSoundAsync();
    }
}
