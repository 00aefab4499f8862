using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Properties of every deployment, whatever its size.</summary>
public sealed class DeploymentTests
{
    private const string StorageType = "Microsoft.Storage/storageAccounts", RoleType = "Microsoft.Authorization/roleAssignments";
    private const string WorkerType = "Microsoft.App/containerApps", TrainerType = "Microsoft.App/jobs";

    public static TheoryData<string> Sets => ["main", "production"];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Storage_has_no_keys_no_public_blobs_and_modern_encryption(string set)
    {
        var account = Deployment.Of(set).Only(StorageType)["properties"]!;

        Assert.False(account["allowSharedKeyAccess"]!.GetValue<bool>());
        Assert.False(account["allowBlobPublicAccess"]!.GetValue<bool>());
        Assert.True(account["supportsHttpsTrafficOnly"]!.GetValue<bool>());
        Assert.Equal("TLS1_2", Deployment.Text(account, "minimumTlsVersion"));
        Assert.All(
            Deployment.Of(set).OfType($"{StorageType}/blobServices/containers"),
            container => Assert.Equal("None", Deployment.Text(container, "properties", "publicAccess")));
    }

    [Fact]
    public void No_file_asks_for_a_key_or_takes_a_connection_string_with_one() =>
        Assert.All(Directory.GetFiles(Bicep.Folder, "*.bicep", SearchOption.AllDirectories).Select(File.ReadAllText), text =>
        {
            Assert.DoesNotContain("listKeys", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("AccountKey", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("SharedAccessSignature", text, StringComparison.OrdinalIgnoreCase);
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Every_name_of_the_code_exists_in_storage_and_no_other(string set)
    {
        var deployment = Deployment.Of(set);
        string[] profiles = [.. deployment.OfType(WorkerType).Select(Profile)];
        string[] work =
        [
            StorageNames.PlanQueue, StorageNames.FinishQueue, StorageNames.WebhookQueue,
            StorageNames.PlanTrainingQueue, StorageNames.FinishTrainingQueue,
            .. profiles.Select(StorageNames.GenerateQueue), .. profiles.Select(StorageNames.NowQueue),
            .. profiles.Select(StorageNames.TrainQueue),
        ];

        Assert.Equal(Sorted(StorageNames.Containers.Append("app-package")), Names(deployment, $"{StorageType}/blobServices/containers"));
        Assert.Equal(Sorted(StorageNames.Tables), Names(deployment, $"{StorageType}/tableServices/tables"));
        Assert.Equal(Sorted([.. work, .. work.Select(StorageNames.PoisonQueue)]), Names(deployment, $"{StorageType}/queueServices/queues"));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_worker_scales_with_the_queues_that_it_reads_by_its_identity_and_counts_messages_in_work(string set) =>
        Assert.All(Deployment.Of(set).OfType(WorkerType), worker =>
        {
            var scale = Deployment.At(worker, "properties", "template", "scale", "rules")!;
            JsonNode[] rules = [.. scale.AsArray().Select(rule => rule!["custom"]!)];

            Assert.Equal(
                [StorageNames.GenerateQueue(Profile(worker)), StorageNames.NowQueue(Profile(worker))],
                rules.Select(rule => Deployment.Text(rule, "metadata", "queueName")));
            Assert.All(rules, rule =>
            {
                Assert.Equal("all", Deployment.Text(rule, "metadata", "queueLengthStrategy"));
                Assert.Contains("outputs.workers.value.id", Deployment.Text(rule, "identity"), StringComparison.Ordinal);
                Assert.Null(rule["auth"]);
            });
            Assert.Equal(0, Deployment.At(worker, "properties", "template", "scale", "minReplicas")!.GetValue<int>());
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_training_job_is_started_by_the_queue_that_it_reads_has_a_time_limit_and_ends_when_there_is_nothing_to_do(string set)
    {
        var deployment = Deployment.Of(set);
        Assert.Equal(deployment.OfType(WorkerType).Select(Profile), deployment.OfType(TrainerType).Select(Profile));
        Assert.All(deployment.OfType(TrainerType), trainer =>
        {
            var configuration = Deployment.At(trainer, "properties", "configuration")!;
            var rule = Deployment.At(configuration, "eventTriggerConfig", "scale", "rules")![0]!;

            Assert.Equal(StorageNames.TrainQueue(Profile(trainer)), Deployment.Text(rule, "metadata", "queueName"));
            Assert.Equal("all", Deployment.Text(rule, "metadata", "queueLengthStrategy"));
            Assert.Contains("outputs.workers.value.id", Deployment.Text(rule, "identity"), StringComparison.Ordinal);
            Assert.InRange(configuration["replicaTimeout"]!.GetValue<int>(), 3600, 7 * 24 * 3600);
            Assert.Equal(("false", "true"), (Setting(trainer, "Worker__Generates"), Setting(trainer, "Worker__Trains") ?? "true"));
            Assert.True(Duration(trainer, "Worker__IdleLimit") > TimeSpan.Zero);
        });
        Assert.All(
            deployment.OfType(WorkerType),
            worker => Assert.Equal(("true", "false"), (Setting(worker, "Worker__Generates") ?? "true", Setting(worker, "Worker__Trains"))));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_worker_is_probed_where_it_answers_and_has_time_to_hand_back_its_work(string set) =>
        Assert.All(Deployment.Of(set).OfType(WorkerType), worker =>
        {
            var container = Container(worker);
            string port = Setting(worker, "Worker__HealthPort")!;

            Assert.All(container["probes"]!.AsArray(), probe => Assert.Equal(port, $"{Deployment.At(probe!, "httpGet", "port")}"));
            int seconds = Deployment.At(worker, "properties", "template", "terminationGracePeriodSeconds")!.GetValue<int>();
            Assert.True(seconds >= 30);
            Assert.Equal(TimeSpan.FromSeconds(seconds), Duration(worker, "Worker__GracePeriod"));
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Roles_are_given_on_single_resources_to_identities_that_exist(string set)
    {
        string[] forbidden =
        [
            "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",     // Owner
            "b24988ac-6180-42a0-ab88-20f7382dd24c",     // Contributor
            "17d1049b-9a84-46fb-8f53-869881c3d3ab",     // Storage Account Contributor
        ];
        const string resource = "(Storage/storageAccounts|ContainerRegistry/registries|KeyVault/vaults|Insights/components)/[^/]+"
            + "(/(blobServices|queueServices|tableServices)/default/(containers|queues|tables)/[^/]+)?";
        Assert.All(Deployment.Of(set).OfType(RoleType), role =>
        {
            string definition = Deployment.Text(role, "properties", "roleDefinitionId");

            Assert.Matches($"/providers/Microsoft\\.{resource}/providers/Microsoft\\.Authorization/", Deployment.Text(role, "id"));
            Assert.DoesNotContain(forbidden, name => definition.EndsWith(name, StringComparison.Ordinal));
        });
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Workers_reach_single_tables_containers_and_queues_and_none_that_has_keys_or_secrets(string set)
    {
        const string place = "/storageAccounts/[^/]+/(?<service>[a-z]+)Services/default/[a-z]+/(?<name>[^/]+)/providers/";
        var deployment = Deployment.Of(set);
        string[] ids =
        [
            .. deployment.OfType(RoleType).Where(role => IsOfWorkers(role) && Deployment.Text(role, "id").Contains(StorageType))
                .Select(role => Deployment.Text(role, "id")),
        ];
        var places = ids.Select(id => Regex.Match(id, place, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))).ToArray();
        string[] Of(string service) => [.. places.Where(found => found.Groups["service"].Value == service)
            .Select(found => found.Groups["name"].Value).Order(StringComparer.Ordinal)];
        var names = JsonNode.Parse(File.ReadAllText(Path.Combine(Bicep.Folder, "names.json")))!["workers"]!;
        string[] Named(string kind) => Sorted(names[kind]!.AsArray().Select(name => (string)name!));

        Assert.All(places, found => Assert.True(found.Success));
        Assert.Empty(Of("table").Intersect([StorageNames.KeysTable, StorageNames.WebhooksTable, StorageNames.ContainersTable]));
        Assert.Equal(Named("tables"), Of("table"));
        Assert.Equal(Named("containers"), Of("blob"));
        var own = deployment.OfType(WorkerType).Select(Profile).SelectMany(StorageNames.QueuesOf);
        Assert.Equal(
            Sorted([.. own, .. own.Select(StorageNames.PoisonQueue), StorageNames.FinishQueue, StorageNames.FinishTrainingQueue]),
            Of("queue"));
    }

    [Fact]
    public void Sites_take_no_passwords() => Assert.Equal(
        ["ftp", "scm"],
        Sorted(Deployment.Of("main").OfType("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
            .Where(policy => !Deployment.At(policy, "properties", "allow")!.GetValue<bool>())
            .Select(policy => Deployment.Text(policy, "name").Split('/')[^1])));

    [Theory]
    [InlineData("main", "StorageDelete")]
    [InlineData("production", "StorageRead", "StorageWrite", "StorageDelete")]
    public void Storage_logs_deletions_and_in_production_every_access_to_blobs_and_tables_which_hold_the_keys(
        string set, params string[] categories)
    {
        foreach (string service in new[] { "blobServices", "tableServices" })
        {
            var settings = Deployment.Of(set).OfType("Microsoft.Insights/diagnosticSettings")
                .Single(found => Deployment.Text(found, "id").Contains($"/{service}/default/", StringComparison.Ordinal));
            Assert.Equal(categories, settings["properties"]!["logs"]!.AsArray().Select(log => Deployment.Text(log!, "category")));
        }
    }

    [Fact]
    public void A_private_service_has_no_public_endpoints()
    {
        var deployment = Deployment.Of("production");

        Assert.Equal("Disabled", Deployment.Text(deployment.Only(StorageType), "properties", "publicNetworkAccess"));
        Assert.Equal("Disabled", Deployment.Text(deployment.Only("Microsoft.KeyVault/vaults"), "properties", "publicNetworkAccess"));
        var connections = deployment.OfType("Microsoft.Network/privateEndpoints")
            .Select(endpoint => Deployment.At(endpoint, "properties", "privateLinkServiceConnections")![0]!);
        Assert.Equal(["blob", "queue", "table", "vault"], Sorted(connections.Select(connection => Deployment.Text(connection, "name"))));
    }

    [Fact]
    public void Alerts_look_for_what_the_code_logs()
    {
        const BindingFlags all = BindingFlags.Instance | BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
        string alerts = File.ReadAllText(Path.Combine(Bicep.Folder, "modules", "alerts.bicep"));
        string[] messages =
        [
            .. new[] { typeof(ServiceLimits).Assembly, typeof(StorageNames).Assembly }
                .SelectMany(assembly => assembly.GetTypes())
                .SelectMany(type => type.GetMethods(all))
                .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()?.Message)
                .OfType<string>(),
        ];

        Assert.All(["has not moved for a while", "goes to the poison queue", "had a text that is no message"], text =>
        {
            Assert.Contains($"has \"{text}\"", alerts, StringComparison.Ordinal);
            Assert.Contains(messages, message => message.Contains(text, StringComparison.Ordinal));
        });
    }

    private static bool IsOfWorkers(JsonNode role) =>
        Deployment.Text(role, "properties", "principalId").Contains("outputs.workers.", StringComparison.Ordinal);

    private static JsonNode Container(JsonNode worker) => Deployment.At(worker, "properties", "template", "containers")![0]!;

    private static string Profile(JsonNode worker) => Setting(worker, "Worker__Profile")!;

    private static string? Setting(JsonNode worker, string name) =>
        Container(worker)["env"]!.AsArray().SingleOrDefault(entry => Deployment.Text(entry!, "name") == name)?["value"]!.GetValue<string>();

    private static TimeSpan Duration(JsonNode worker, string setting) =>
        TimeSpan.Parse(Setting(worker, setting)!, CultureInfo.InvariantCulture);

    private static string[] Names(Deployment deployment, string type) =>
        Sorted(deployment.OfType(type).Select(resource => Deployment.Text(resource, "name").Split('/')[^1]));

    private static string[] Sorted(IEnumerable<string> names) => [.. names.Order(StringComparer.Ordinal)];
}
