using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class AccessTests(PageFixture fixture)
{
    [Fact]
    public async Task Without_a_key_the_page_asks_for_one_and_keeps_it_in_its_tab()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, key: null);
        await Expect(opened.Page.GetByLabel("API key")).ToBeVisibleAsync();
        await opened.AssertSoundAsync();

        await opened.Page.GetByLabel("API key").FillAsync(fixture.Stack.ApiKey);
        await opened.Button("Continue").ClickAsync();
        await Expect(opened.Heading("Try it")).ToBeVisibleAsync();

        await opened.Page.ReloadAsync();
        await Expect(opened.Heading("Try it")).ToBeVisibleAsync();
        Assert.Empty(await opened.Page.Context.CookiesAsync());
        Assert.Equal("0", await opened.Page.EvaluateAsync<string>("String(localStorage.length)"));
    }

    [Fact]
    public async Task A_key_in_the_address_signs_in_and_leaves_the_address()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);

        await Expect(opened.Heading("Try it")).ToBeVisibleAsync();

        Assert.DoesNotContain(fixture.Stack.ApiKey, opened.Page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_key_is_told_and_another_one_can_be_entered()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, "llada-wrong");

        await Expect(opened.Page.GetByText("The service does not accept this key")).ToBeVisibleAsync();
        await opened.Button("Enter another key").ClickAsync();
        await opened.Page.GetByLabel("API key").FillAsync(fixture.Stack.ApiKey);
        await opened.Button("Continue").ClickAsync();

        await Expect(opened.Button("Fill")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_key_that_is_revoked_while_the_page_is_open_is_told_beside_what_is_shown()
    {
        using var client = fixture.Stack.CreateClient();
        await Requests.EndedBatchAsync(client);
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("batches");
        await Expect(opened.Page.Locator("tbody tr").First).ToBeVisibleAsync();

        await opened.Page.RouteAsync("**/v1/batches**", route => route.FulfillAsync(new()
        {
            Status = 401,
            ContentType = "application/json",
            Body = """{"error": {"message": "The key is not known", "param": null, "code": "invalid_api_key"}}""",
        }));

        await Expect(opened.Page.GetByText("The key is wrong or was revoked")).ToBeVisibleAsync();
        await Expect(opened.Page.Locator("tbody tr").First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_server_that_goes_away_is_told_and_found_again()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await Expect(opened.Heading("Try it")).ToBeVisibleAsync();
        await opened.Page.RouteAsync("**/v1/**", route => route.AbortAsync("connectionrefused"));

        await opened.GoAsync("batches");
        await Expect(opened.Page.GetByText("The server cannot be reached")).ToBeVisibleAsync();
        await opened.Page.UnrouteAllAsync();

        await Expect(opened.Page.GetByText("The server cannot be reached")).ToHaveCountAsync(0);
    }
}
