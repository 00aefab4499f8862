using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class WebhookPageTests(PageFixture fixture)
{
    [Fact]
    public async Task A_test_of_an_endpoint_shows_its_outcome_and_stands_among_the_deliveries()
    {
        using var client = fixture.Stack.CreateClient();
        string id = await Requests.CreateAsync(client, "/v1/webhook_endpoints", new { url = "http://127.0.0.1:9/tested" });
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("webhooks");
        await opened.Page.GetByText(id).ClickAsync();
        await Expect(opened.Page.GetByText("Nothing was delivered yet")).ToBeVisibleAsync();

        await opened.Button("Send a test").ClickAsync();

        await Expect(opened.Page.GetByRole(Microsoft.Playwright.AriaRole.Status).GetByText("gave up")).ToBeVisibleAsync();
        await Expect(opened.Page.Locator("td", new() { HasText = "The endpoint cannot be reached" }))
            .ToHaveCountAsync(1);
        await Expect(opened.Page.Locator("td", new() { HasText = "webhook_endpoint.test" })).ToHaveCountAsync(1);
        await opened.AssertSoundAsync();
    }
}
