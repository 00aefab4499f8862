using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class ApiReferenceTests(PageFixture fixture)
{
    [Fact]
    public async Task The_API_is_shown_without_a_key_and_without_a_call_to_another_host()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, key: null);

        await opened.Page.GotoAsync(opened.Address + "/docs");

        await Expect(opened.Page.GetByRole(AriaRole.Heading,
            new() { Name = "Responses" }).First).ToBeVisibleAsync();
        Assert.Empty(opened.Complaints);
    }
}
