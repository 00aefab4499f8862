using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;
using static LLaDA.Batch.Functions.Tests.Schedules.Scheduling;

namespace LLaDA.Batch.Functions.Tests.Schedules;

public sealed class SchedulesApiTests(StorageFixture fixture)
{
    private static readonly string s_long = new('x', 513);

    private static readonly (string Changes, string Param)[] s_refused =
    [
        ("""{"cron":null}""", "cron"),
        ("""{"cron":"nonsense"}""", "cron"),
        ("""{"cron":"* * * * * *"}""", "cron"),
        ("""{"cron":"61 * * * *"}""", "cron"),
        ("""{"cron":"@every_second"}""", "cron"),
        ("""{"cron":"0 0 30 2 *"}""", "cron"),
        ("""{"cron":"0 0 31 4,6,9,11 *"}""", "cron"),
        ("""{"cron":5}""", "cron"),
        ("""{"time_zone":"Middle/Earth"}""", "time_zone"),
        ("""{"time_zone":"../../etc/passwd"}""", "time_zone"),
        ("""{"time_zone":""}""", "time_zone"),
        ("""{"job":null}""", "job"),
        ("""{"job":[]}""", "job"),
        ("""{"job":{}}""", "job.model"),
        ("""{"job":{"model":"none"}}""", "job.model"),
        ("""{"job":{"model":"m","training_file":"file-1"}}""", "job.training_file"),
        ("""{"job":{"model":"m","hyperparameters":{"n_epochs":0}}}""", "job.hyperparameters.n_epochs"),
        ("""{"start_from":"scratch"}""", "start_from"),
        ("""{"training_data":null}""", "training_data"),
        ("""{"training_data":{"prefix":"in"}}""", "training_data"),
        ("""{"training_data":{"container":"corpus","prefix":"../files"}}""", "training_data"),
        ("""{"training_data":{"container":"corpus","select":"some"}}""", "training_data.select"),
        ("""{"training_data":{"url":"https://account.blob.core.windows.net/c"}}""", "training_data.url"),
        ("""{"overlap":"cancel"}""", "overlap"),
        ("""{"missed":"never"}""", "missed"),
        ("""{"metadata":{"a":1}}""", "metadata"),
        ("{\"metadata\":{\"a\":\"" + s_long + "\"}}", "metadata"),
        ("{\"metadata\":{\"" + s_long + "\":\"a\"}}", "metadata"),
        ("{\"metadata\":{" + string.Join(',', Enumerable.Range(0, 17).Select(index => $"\"{index}\":\"\"")) + "}}", "metadata"),
        ("""{"crom":"* * * * *"}""", "crom"),
    ];

    [Fact]
    public async Task What_cannot_be_scheduled_is_refused_by_the_name_of_its_parameter_at_creation_and_at_change()
    {
        await using var plane = await StartedAsync(fixture);
        string id = await CreatedAsync(plane);
        string before = (await GetAsync(plane, id)).ToJsonString();
        foreach (var (changes, param) in s_refused)
        {
            foreach (var response in new[]
                { await PostAsync(plane, changes), await plane.Client.PostAsJsonAsync($"/v1/schedules/{id}", JsonNode.Parse(changes)) })
            {
                string text = await response.Content.ReadAsStringAsync();
                Assert.True(response.StatusCode == HttpStatusCode.BadRequest, $"{changes}: {text}");
                Assert.StartsWith(param, JsonNode.Parse(text)!["error"]!["param"]!.GetValue<string>(), StringComparison.Ordinal);
                response.Dispose();
            }
        }
        Assert.Equal(before, (await GetAsync(plane, id)).ToJsonString());
        Assert.Contains(
            "cron_never_fires", await (await PostAsync(plane, """{"cron":"0 0 30 2 *"}""")).Content.ReadAsStringAsync(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_container_that_is_not_bound_does_not_exist_even_if_it_is_the_services_own()
    {
        await using var plane = await StartedAsync(fixture);
        foreach (string container in new[] { "files", "models", "schedules", "documents", "none" })
            await AssertErrorAsync(
                await PostAsync(plane, $$$"""{"training_data":{"container":"{{{container}}}"}}"""),
                HttpStatusCode.NotFound, parameter: null);
    }

    [Fact]
    public async Task Another_tenants_schedule_does_not_exist()
    {
        await using var plane = await StartedAsync(fixture);
        string id = await CreatedAsync(plane);
        using var other = await plane.NewClientAsync("other");
        foreach (var request in new (HttpMethod Method, string Path)[]
            {
                (HttpMethod.Get, ""), (HttpMethod.Post, ""), (HttpMethod.Post, "/pause"),
                    (HttpMethod.Post, "/resume"), (HttpMethod.Get, "/runs"), (HttpMethod.Delete, ""),
            })
        {
            using var message = new HttpRequestMessage(request.Method, $"/v1/schedules/{id}{request.Path}")
                { Content = JsonContent.Create(new { }) };
            await AssertErrorAsync(await other.SendAsync(message), HttpStatusCode.NotFound, parameter: null);
        }
        Assert.Empty((await ReadAsync(await other.GetAsync("/v1/schedules")))["data"]!.AsArray());
        Assert.Equal("active", (await GetAsync(plane, id))["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task What_was_asked_for_comes_back_with_its_defaults_and_a_change_keeps_the_rest()
    {
        await using var plane = await StartedAsync(fixture);
        string id = await CreatedAsync(plane, """{"cron":"0 3 * * *","time_zone":"Europe/Berlin","metadata":{"a":"b"}}""");
        var created = await GetAsync(plane, id);

        Assert.Equal(
            ("base", "skip", "latest", "active"),
            (Text(created, "start_from"), Text(created, "overlap"), Text(created, "missed"), Text(created, "status")));
        Assert.Equal("""{"container":"corpus","prefix":"in/","select":"all"}""", created["training_data"]!.ToJsonString());
        long next = created["next_run_at"]!.GetValue<long>();
        Assert.Equal(
            3, TimeZoneInfo.ConvertTime(
                DateTimeOffset.FromUnixTimeSeconds(next), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin")).Hour);

        var changed = await ReadAsync(
            await plane.Client.PostAsJsonAsync($"/v1/schedules/{id}", new { overlap = "queue", cron = "0 4 * * *" }));

        Assert.Equal(
            ("queue", "Europe/Berlin", "b"), (Text(changed, "overlap"), Text(changed, "time_zone"), Text(changed["metadata"]!, "a")));
        Assert.NotEqual(next, changed["next_run_at"]!.GetValue<long>());
    }

    [Fact]
    public async Task Schedules_are_listed_over_pages_in_both_orders_and_with_a_deleted_cursor()
    {
        await using var plane = await StartedAsync(fixture);
        List<string> ids = [];
        for (int index = 0; index < 5; index++)
        {
            ids.Insert(0, await CreatedAsync(plane));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        (await plane.Client.DeleteAsync($"/v1/schedules/{ids[1]}")).EnsureSuccessStatusCode();

        Assert.Equal([ids[2], ids[3]], await ListAsync(plane, $"?limit=2&after={ids[1]}"));
        Assert.Equal([ids[4], ids[3], ids[2], ids[0]], await ListAsync(plane, "?order=asc"));
        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/schedules/{ids[1]}"), HttpStatusCode.NotFound, parameter: null);
    }

    [Fact]
    public async Task A_deletion_that_storage_cuts_short_leaves_nothing_to_be_seen_or_fired_and_the_rest_goes_with_the_timer()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        await BindAsync(plane);
        await UploadAsync(plane, "in/a.jsonl");
        string id = await CreatedAsync(plane);
        await FireAsync(plane);
        await EndAsync(plane, await LastJobAsync(plane));

        faults.Refuses = call => call.StartsWith("DELETE", StringComparison.Ordinal)
            && call.Contains("/scheduleruns(", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await plane.Client.DeleteAsync($"/v1/schedules/{id}")).StatusCode);
        faults.Refuses = _ => false;

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/schedules/{id}"), HttpStatusCode.NotFound, parameter: null);
        await AssertErrorAsync(await plane.Client.PostAsync($"/v1/schedules/{id}/resume", null), HttpStatusCode.NotFound, parameter: null);
        Assert.Empty(await ListAsync(plane, ""));
        await FireAsync(plane, minutes: 6);
        Assert.Single(await JobsAsync(plane));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        foreach (string table in new[] { StorageNames.SchedulesTable, StorageNames.ScheduleRunsTable })
            Assert.Empty(await plane.Storage.Table(table).QueryAsync<Azure.Data.Tables.TableEntity>().ToListAsync());
        Assert.Empty(await plane.Storage.Container(StorageNames.SchedulesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task A_tenant_has_so_many_schedules_and_no_more()
    {
        await using var plane = await StartedAsync(fixture, ("Limits:MaxSchedules", "1"));
        await CreatedAsync(plane);

        Assert.Contains("too_many_schedules", await (await PostAsync(plane)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static async Task<string[]> ListAsync(ControlPlane plane, string query) =>
        [.. (await GetAsync(plane, query))["data"]!.AsArray().Select(schedule => Text(schedule!, "id"))];

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();
}
