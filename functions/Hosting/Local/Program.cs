using LLaDA.Batch.Functions;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Hosting.Local;
using LLaDA.Batch.Shared.Storage;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddFunctions(builder.Configuration);
builder.WebHost.ConfigureKestrel((_, kestrel) =>
    kestrel.Limits.MaxRequestBodySize = kestrel.ApplicationServices.GetRequiredService<ServiceLimits>().MaxRequestBytes);
builder.Services.AddHostedService<TriggerService>();

var app = builder.Build();
await app.Services.GetRequiredService<StorageAccount>().EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
var api = RestApi.Build(app.Services);
app.Run(context => api(context));
await app.RunAsync();
